"""Apache Kafka on this machine without Docker: fetches its jars with Maven, writes a KRaft configuration for one node
and formats its folder. `make kafka` runs it as a program; the tests import it. Standard library only.
"""

from __future__ import annotations

import argparse
import base64
import fcntl
import hashlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

HERE = Path(__file__).resolve().parent
RUN = HERE.parent.parent / ".run"
LIBRARIES = RUN / "kafka-4.1.0-jars"
MEMORY = "512m"  # the heap of one node; it then takes about 370 MB
MAVEN_SECONDS = 600  # 44 MB over a slow line
CHECKPOINT = "bootstrap.checkpoint"  # what a new folder begins with: the versions of Kafka's features
NODE_SECONDS = 120  # for a node to start, and to stop


class KafkaMissing(Exception):
    """Kafka cannot be run here; the text says what to install."""


def java() -> str:
    found = shutil.which("java")
    if found is None:
        raise KafkaMissing(
            "Java is not installed; Kafka needs 17 or newer (on Debian: apt install openjdk-17-jre-headless)"
        )
    return found


def libraries() -> Path:
    """The folder with Kafka's jars, filled by Maven the first time. Raises KafkaMissing."""
    java()
    LIBRARIES.parent.mkdir(parents=True, exist_ok=True)
    with (LIBRARIES.parent / "kafka-jars.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of two that start at once, one fetches
        if not (LIBRARIES / "complete").is_file():
            fetch_libraries()
    return LIBRARIES


def fetch_libraries() -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise KafkaMissing("Maven, which fetches Kafka's jars, is not installed (on Debian: apt install maven)")
    print(f"Fetching Apache Kafka with Maven into {LIBRARIES.name} …", file=sys.stderr, flush=True)
    command = [maven, "--quiet", "--batch-mode", "--file", str(HERE / "pom.xml"), "dependency:copy-dependencies"]
    command += ["-DincludeScope=runtime", f"-DoutputDirectory={LIBRARIES}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=MAVEN_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise KafkaMissing(f"Maven did not bring Kafka's jars within {MAVEN_SECONDS} s") from error
    if done.returncode != 0:
        raise KafkaMissing(f"Maven could not bring Kafka's jars:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    (LIBRARIES / "complete").touch()


def java_command(main: str, *arguments: str, options: tuple[str, ...] = ()) -> list[str]:
    """The command that runs one of Kafka's programs. options: further ones, of Java's."""
    usual = [f"-Xmx{MEMORY}", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-XX:+UseSerialGC"]
    return [java(), *usual, *options, "-cp", os.pathsep.join(map(str, jars())), main, *arguments]


def jars() -> list[Path]:
    """Kafka's, in an order that is the same in every folder."""
    return sorted(libraries().glob("*.jar"))


def short_lived() -> tuple[str, ...]:
    """Java's options for nodes that live for a test: they start with a third of the CPU, and are slower under load.

    The first time it makes an archive of Kafka's classes, ready to be used, which takes as long as one start.
    """
    made = archive()
    with (LIBRARIES.parent / "kafka-classes.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.is_file():
            for old in LIBRARIES.glob("classes*.jsa"):
                old.unlink()
            make_archive(made)
    of_classes = (f"-XX:SharedArchiveFile={made}",) if made.stat().st_size else ()
    return ("-XX:TieredStopAtLevel=1", *of_classes)


def archive() -> Path:
    """Where it lies; empty where none can be made. Its name tells what it is of: Java takes only one that the same Java
    made of the same files in the same place, and goes without, and says nothing, where it was copied or Java is new."""
    about = [(str(path), path.stat().st_mtime_ns, path.stat().st_size) for path in (Path(java()).resolve(), *jars())]
    return LIBRARIES / f"classes-{hashlib.sha256(repr(about).encode()).hexdigest()[:16]}.jsa"


def make_archive(made: Path) -> None:
    """Writes it: what a node has loaded when it ends."""
    under_way = made.with_suffix(".new")
    under_way.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(dir=LIBRARIES) as folder:
        with socket.socket() as one, socket.socket() as two:
            for probe in (one, two):
                probe.bind(("127.0.0.1", 0))
            port, controller_port = one.getsockname()[1], two.getsockname()[1]
        options = (f"-XX:ArchiveClassesAtExit={under_way}",)
        command = prepare(Path(folder), "127.0.0.1", port, controller_port, {}, options=options)
        node = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            until = time.monotonic() + NODE_SECONDS
            while is_free(port) and node.poll() is None and time.monotonic() < until:
                time.sleep(0.1)
            node.terminate()
            node.wait(NODE_SECONDS)
        except subprocess.TimeoutExpired:
            under_way.unlink(missing_ok=True)
        finally:
            node.kill()
            node.wait()
    if under_way.is_file():
        under_way.rename(made)
    else:
        made.touch()


def configuration(folder: Path, host: str, port: int, controller_port: int, settings: dict[str, str]) -> str:
    """A KRaft node that is broker and controller at once. `settings` are added, or replace what stands here."""
    values = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
        "listeners": f"PLAINTEXT://{host}:{port},CONTROLLER://127.0.0.1:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{host}:{port}",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": str(folder / "data"),
        # One node cannot hold the three copies that are the default.
        "offsets.topic.replication.factor": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "group.initial.rebalance.delay.ms": "0",
        **settings,
    }
    return "".join(f"{name}={value}\n" for name, value in values.items())


def new_cluster() -> str:
    """A fresh name for a cluster, or for a folder of it."""
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")


def prepare(
    folder: Path, host: str, port: int, controller_port: int, settings: dict[str, str], *, cluster: str | None = None,
    options: tuple[str, ...] = (),
) -> list[str]:  # fmt: skip
    """Writes the configuration, formats the folder unless that was done before, and returns the broker's command.

    cluster: the name of the cluster that it belongs to; a new one without it. options: further ones, of Java's.
    """
    folder.mkdir(parents=True, exist_ok=True)
    properties = folder / "server.properties"
    properties.write_text(configuration(folder, host, port, controller_port, settings))
    data, node = folder / "data", settings.get("node.id", "1")
    if not (data / "meta.properties").is_file():
        make_folder(data, properties, cluster or new_cluster(), node)
    return java_command("kafka.Kafka", str(properties), options=options)


def make_folder(data: Path, properties: Path, cluster: str, node: str) -> None:
    """What `kafka-storage format` does, which takes a start of Java: that is asked once, for what is the same in each
    folder of this version of Kafka."""
    kept = libraries() / CHECKPOINT
    if not kept.is_file():
        # With `=`: one in 64 of the names begins with a dash.
        named = f"--cluster-id={cluster}"
        command = java_command("kafka.tools.StorageTool", "format", named, "--config", str(properties))
        done = subprocess.run(command, capture_output=True, text=True, timeout=NODE_SECONDS, check=False)
        if done.returncode != 0:
            raise KafkaMissing(f"Kafka could not format its folder:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        half = kept.with_suffix(f".{uuid.uuid4().hex}")
        shutil.copyfile(data / CHECKPOINT, half)
        half.replace(kept)  # of two that were first at once, either's
        return
    data.mkdir(exist_ok=True)
    shutil.copyfile(kept, data / CHECKPOINT)
    (data / "meta.properties").write_text(
        f"version=1\ncluster.id={cluster}\nnode.id={node}\ndirectory.id={new_cluster()}\n"
    )


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description="A real Apache Kafka 4.1 on this machine, until Ctrl-C.")
    parser.add_argument("--host", default="localhost")
    parser.add_argument("--port", type=int, default=9092)
    options = parser.parse_args()
    for port in (options.port, options.port + 1):
        if not is_free(port):
            sys.exit(f"Port {port} is in use. Choose another one: make kafka KAFKA_PORT=…")
    try:
        command = prepare(RUN / "kafka", options.host, options.port, options.port + 1, {})
    except KafkaMissing as error:
        sys.exit(str(error))
    address = f"{options.host}:{options.port}"
    print(f"Apache Kafka 4.1.0 is starting on {address}; its data is in .run/kafka. Ctrl-C stops it.")
    print(f"In another terminal:  KAFKA_BOOTSTRAP_SERVERS={address} make run", flush=True)
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
