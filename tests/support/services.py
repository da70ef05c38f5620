"""Real Apache Kafka, PostgreSQL, Redis and a schema registry for tests: started by them, on free ports, each with a
folder of its own.

`kafka()`, `postgres()` and `redis()` start the service once a run and return it; `tests/conftest.py` offers them as
fixtures and ends them. Where a service is not installed the test is skipped, or fails when CI=true.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import httpx
import psycopg
import pytest
from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic  # type: ignore[attr-defined]  # they are public
from psycopg import sql

from tests.kafka import server as kafka_server
from tests.support.waiting import accepts_connections, free_port, wait_until

START_SECONDS = 60  # a loaded machine with two cores; Kafka needs 4 s, the others less than one
STOP_SECONDS = 30
CALL_SECONDS = 20  # one administrative call to a service
REQUEST_SECONDS = 5  # … and one request of it, which is repeated
LOG_TAIL = 4000  # characters of a service's log in a failure's text

# The marks of tests that need more than Python.
MARKS = ("kafka", "postgres", "redis", "registry", "nginx", "browser", "processes")

names = itertools.count(1)


def missing(what: str) -> NoReturn:
    """Something a test needs is not installed: visible everywhere, an error where everything has to be there."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI=true, and {what}", pytrace=False)
    pytest.skip(what)


class Service:
    """A server process with a folder and a port that stay the same through restarts."""

    name = "service"
    mark: str  # of the tests that start it; a kind of its own has the mark of what it is a kind of
    user: str | None = None  # the system user it runs as, when it refuses to be root

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=f"streamboard-{self.name}-"))
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    # What a kind of service says of itself.

    def command(self) -> list[str]:
        raise NotImplementedError

    def is_ready(self) -> bool:
        return accepts_connections(self.port)

    # What tests do with it.

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self.process is not None, f"{self.name} is not running"
        return self.process.pid

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Starts it, unless it runs, and returns when it answers."""
        if self.running:
            return
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command(),
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                cwd=self.folder,
                start_new_session=True,  # a Ctrl-C at the tests is not for it: the tests end it themselves
                user=self.user,
                group=self.user,
                extra_groups=[] if self.user else None,
            )
        try:
            wait_until(lambda: not self.running or self.is_ready(), f"{self.name} answers", START_SECONDS)
        except AssertionError as error:
            self.kill()
            pytest.fail(f"{error}\n{self.log()}", pytrace=False)
        if not self.running:
            pytest.fail(f"{self.name} ended while it was starting:\n{self.log()}", pytrace=False)

    def stop(self) -> None:
        """A polite end, as in an upgrade; forced after STOP_SECONDS."""
        if self.running:
            self.resume()
            os.kill(self.pid, self.stop_signal)
            try:
                self.wait()
            except subprocess.TimeoutExpired:
                self.kill()
        self.process = None

    stop_signal = signal.SIGTERM

    def kill(self) -> None:
        """kill -9: what a power cut looks like to everyone else."""
        if self.running:
            os.kill(self.pid, signal.SIGKILL)
            self.wait()
        self.process = None

    def restart(self) -> None:
        self.stop()
        self.start()

    def pause(self) -> None:
        """Connections stay open and nothing answers: a hung server, or a network that swallows packets.

        Returns when the last of its threads stands still; until then one might still answer.
        """
        pid = self.pid
        os.kill(pid, signal.SIGSTOP)
        stopped = os.WSTOPPED | os.WNOHANG
        wait_until(lambda: os.waitid(os.P_PID, pid, stopped) is not None, f"{self.name} stands still", STOP_SECONDS)

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def wait(self) -> int:
        assert self.process is not None
        return self.process.wait(STOP_SECONDS)

    def log(self) -> str:
        path = self.folder / "log"
        text = path.read_text(errors="replace") if path.is_file() else ""
        return f"--- {self.name}'s log ---\n{text[-LOG_TAIL:]}"

    def close(self) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class Kafka(Service):
    """One Apache Kafka node (KRaft). `settings` go into its server.properties."""

    name = mark = "kafka"
    is_measured = False  # then it is started as it is in production, and takes its time to be fast

    def __init__(self, **settings: str) -> None:
        super().__init__()
        self.controller_port = free_port()
        self.settings = {
            # Small and quick, where nothing else depends on it.
            "offsets.topic.num.partitions": "5",
            "transaction.state.log.num.partitions": "5",
            "log.cleaner.dedupe.buffer.size": "2000000",  # bytes; with its own 128 MiB, that is what a node takes more
            "metric.reporters": "",  # nobody asks for them; to offer them is a sixth of a start
            "log.retention.check.interval.ms": "1000",
            "log.initial.task.delay.ms": "1000",
            "log.segment.delete.delay.ms": "1000",
            # After kill -9 the controller waits this long for the dead broker before it takes the new one.
            "broker.session.timeout.ms": "3000",
            "broker.heartbeat.interval.ms": "500",
            **{name.replace("_", "."): value for name, value in settings.items()},
        }

    def command(self) -> list[str]:
        return self.prepared()

    def prepared(self, cluster: str | None = None) -> list[str]:
        """The command; the folder is ready for it. cluster: the one that it belongs to, a new one without it."""
        return kafka_server.prepare(
            self.folder / "kafka", "127.0.0.1", self.port, self.controller_port, self.settings, cluster=cluster,
            options=() if self.is_measured else kafka_server.short_lived(),
        )  # fmt: skip

    def is_ready(self) -> bool:
        if not super().is_ready():
            return False
        try:
            listed = self.admin().list_topics(timeout=5)
            partitions = [part for topic in listed.topics.values() for part in topic.partitions.values()]
            return bool(listed.brokers) and all(part.leader >= 0 for part in partitions)
        except Exception:  # noqa: BLE001  (KafkaException in several shapes, while the broker is starting)
            return False

    def takes_topics(self) -> bool:
        """Whether it makes topics: a broker that its controller took for gone answers such a request never."""
        admin = self.admin()  # kept: its answers would be lost with it
        probe = NewTopic(f"probe-{os.getpid()}-{next(names)}", num_partitions=1, replication_factor=1)
        try:
            asked = admin.create_topics([probe], operation_timeout=REQUEST_SECONDS, request_timeout=REQUEST_SECONDS)
            for future in asked.values():
                future.result(2 * REQUEST_SECONDS)
        except (KafkaException, TimeoutError):
            return False
        return True

    def admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self.address, "log_level": 0})

    def create_topic(self, name: str | None = None, *, partitions: int = 4, **config: str | int) -> str:
        """Creates a topic, with a fresh name unless one is given. `config` is the topic's, with `_` for `.`:
        `retention_ms=1000`, `max_message_bytes=2_000_000`, `cleanup_policy="compact"`."""
        topic = name or f"topic-{os.getpid()}-{next(names)}"
        settings = {key.replace("_", "."): str(value) for key, value in config.items()}
        admin = self.admin()
        new = NewTopic(topic, num_partitions=partitions, replication_factor=1, config=settings)

        create_topics(admin, new)
        wait_until(
            lambda: len(known(admin, topic)) == partitions, f"topic {topic} with {partitions} partitions", CALL_SECONDS
        )
        return topic

    def delete_topic(self, name: str) -> None:
        admin = self.admin()
        carry_out(
            functools.partial(admin.delete_topics, [name], operation_timeout=REQUEST_SECONDS),
            f"topic {name} is deleted",
            is_done=KafkaError.UNKNOWN_TOPIC_OR_PART,
        )
        wait_until(lambda: not known(admin, name), f"topic {name} is gone", CALL_SECONDS)

    def add_partitions(self, name: str, total: int) -> None:
        admin = self.admin()
        carry_out(
            functools.partial(admin.create_partitions, [NewPartitions(name, total)], operation_timeout=REQUEST_SECONDS),
            f"{name} gets partitions",
            is_done=KafkaError.INVALID_PARTITIONS,
        )
        wait_until(lambda: len(known(admin, name)) == total, f"{total} partitions in {name}", CALL_SECONDS)

    def delete_records(self, name: str, before: dict[int, int]) -> None:
        """Retention at once: removes each partition's records below the given offset."""
        admin = self.admin()  # kept: its answers would be lost with it
        places = [TopicPartition(name, part, offset) for part, offset in before.items()]
        carry_out(functools.partial(admin.delete_records, places), f"records of {name} are removed")

    def produce(
        self, topic: str, values: Iterable[bytes | None], *, key: bytes | None = None, partition: int | None = None,
        headers: list[tuple[str, str | bytes | None]] | None = None, compression: str = "none",
    ) -> list[tuple[int, int]]:  # fmt: skip
        """Produces records and returns the (partition, offset) of each, in the order of `values`."""
        producer = Producer(
            {
                "bootstrap.servers": self.address,
                "log_level": 0,
                "message.max.bytes": 10_000_000,
                "linger.ms": 5,
                "enable.idempotence": True,  # tests count what arrives
                "compression.type": compression,
            }
        )
        placed: dict[int, tuple[int, int]] = {}
        errors: list[Any] = []

        def delivered(number: int, error: Any, message: Any) -> None:
            if error is not None:
                errors.append(error)
            else:
                placed[number] = message.partition(), message.offset()

        where: dict[str, Any] = {} if partition is None else {"partition": partition}
        for number, value in enumerate(values):
            told = functools.partial(delivered, number)  # of partitions, one is told before the other
            producer.produce(topic, value, key=key, headers=headers, on_delivery=told, **where)
        assert producer.flush(CALL_SECONDS) == 0, f"not everything was produced to {topic} in {CALL_SECONDS} s"
        assert not errors, errors
        return [placed[number] for number in sorted(placed)]


# What a broker answers that its controller takes for gone, as it does where it stood still for three seconds, or that
# was just started.
NOT_YET = {KafkaError.INVALID_REPLICATION_FACTOR, KafkaError.NOT_LEADER_FOR_PARTITION}
LATE = {KafkaError._TIMED_OUT, KafkaError.REQUEST_TIMED_OUT}


def carry_out(ask: Callable[..., dict[Any, Any]], what: str, *, is_done: int | None = None) -> None:
    """Has a broker do something, and asks it again while it does not answer: one that its controller took for gone
    never answers what it was asked then, and may have done it.

    ask: one of an AdminClient's calls, which takes `request_timeout`; somebody has to keep the client, or the answers
    are lost with it. what: for the failure. is_done: the code by which Kafka refuses what has been done, which an
    earlier request may have. Raises KafkaException for what else it refuses, and TimeIsUp.
    """
    fine: set[int | None] = set()

    def is_carried_out(answer: Any) -> bool:
        try:
            answer.result(2 * REQUEST_SECONDS)
        except TimeoutError:
            return False
        except KafkaException as error:
            code = error.args[0].code()
            if code not in fine | NOT_YET | LATE:
                raise
            return code in fine
        return True

    def are_all() -> bool:
        answers = [is_carried_out(answer) for answer in ask(request_timeout=REQUEST_SECONDS).values()]
        fine.add(is_done)
        return all(answers)

    wait_until(are_all, what, 3 * CALL_SECONDS)


def create_topics(admin: AdminClient, *topics: NewTopic) -> None:
    carry_out(
        functools.partial(admin.create_topics, list(topics), operation_timeout=REQUEST_SECONDS),
        f"topics {[topic.topic for topic in topics]} are made",
        is_done=KafkaError.TOPIC_ALREADY_EXISTS,
    )


def known(admin: AdminClient, topic: str) -> dict[int, Any]:
    """The partitions of a topic that have a leader, from the list of all topics (asking by name may create it)."""
    topics = admin.list_topics(timeout=CALL_SECONDS).topics
    if topic not in topics:
        return {}
    return {number: part for number, part in topics[topic].partitions.items() if part.leader >= 0}


class Postgres(Service):
    """One PostgreSQL server; its superuser `streamboard` needs no password on loopback."""

    name = mark = "postgres"
    stop_signal = signal.SIGINT  # "fast": ends the sessions of others instead of waiting for them

    def __init__(self) -> None:
        super().__init__()
        if os.geteuid() == 0:  # PostgreSQL refuses to be root
            self.user = next(
                user for user in ("postgres", "nobody") if user in {entry.pw_name for entry in pwd.getpwall()}
            )
            shutil.chown(self.folder, self.user)
        self.data = self.folder / "data"
        self.run(
            "initdb", "--pgdata", str(self.data), "--username", "streamboard", "--auth", "trust", "--no-sync",
            "--encoding", "UTF8", "--locale", "C",
        )  # fmt: skip

    @staticmethod
    def program(name: str) -> str:
        """The path of one of PostgreSQL's programs. Debian keeps the servers' off the PATH."""
        versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
        for folder in reversed(versions):
            if (folder / name).is_file():
                return str(folder / name)
        found = shutil.which(name)
        if found is None:
            missing("PostgreSQL's server is not installed (on Debian: apt install postgresql)")
        return found

    def run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [self.program(program), *arguments], capture_output=True, text=True, timeout=START_SECONDS, check=False,
            cwd=self.folder, user=self.user, group=self.user, extra_groups=[] if self.user else None,
        )  # fmt: skip
        if done.returncode != 0:
            pytest.fail(f"{program} failed:\n{done.stdout}{done.stderr}", pytrace=False)

    def command(self) -> list[str]:
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(self.folder),
            "max_connections": "200",
            "fsync": "off",  # the machine does not lose power during a test
        }
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        return [self.program("postgres"), "-D", str(self.data), *settings]

    def is_ready(self) -> bool:
        try:
            self.connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def kill(self) -> None:
        """kill -9 of the server and of all its sessions (those would keep its memory, and it could not start again)."""
        if not self.running:
            self.process = None
            return
        os.kill(self.pid, signal.SIGSTOP)  # or it has another child while we look
        family = [self.pid, *children(self.pid)]
        for pid in family:
            kill_quietly(pid)
        self.wait()
        wait_until(lambda: not any(is_alive(pid) for pid in family), "PostgreSQL's processes are gone", STOP_SECONDS)
        self.process = None

    def pause(self) -> None:
        """The server stands still with all its sessions."""
        super().pause()
        for pid in children(self.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)

    def resume(self) -> None:
        for pid in children(self.pid):
            with contextlib.suppress(ProcessLookupError):  # a session may end at any moment
                os.kill(pid, signal.SIGCONT)
        super().resume()

    def connect(self, database: str = "postgres") -> psycopg.Connection[tuple[Any, ...]]:
        return psycopg.connect(self.url(database), autocommit=True, connect_timeout=CALL_SECONDS)

    def url(self, database: str) -> str:
        return f"postgres://streamboard@{self.address}/{database}"

    def create_database(self, template: str = "template0") -> str:
        """The URL of a fresh database."""
        name = f"db_{os.getpid()}_{next(names)}"
        with self.connect() as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
            )
        return self.url(name)


def children(pid: int) -> list[int]:
    """The processes whose parent is `pid`."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            after_name = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(after_name[1]) == pid:
            found.append(int(status.parent.name))
    return found


def is_alive(pid: int) -> bool:
    """Whether the process is there, and no zombie that waits to be collected."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def kill_quietly(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


class Redis(Service):
    """One Redis server without persistence: a restart forgets everything, as the layer has to survive."""

    name = mark = "redis"

    def command(self) -> list[str]:
        program = shutil.which("redis-server")
        if program is None:
            missing("redis-server is not installed (on Debian: apt install redis-server)")
        return [program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]

    def url(self, database: int = 0) -> str:
        return f"redis://{self.address}/{database}"


REGISTRY = Path(__file__).resolve().parent.parent / "registry"  # Go: a registry in memory, with Confluent's API
BUILD_SECONDS = 300  # its module over a slow line


class Registry(Service):
    """A schema registry (franz-go's); a restart forgets everything. authorization: the header that it wants."""

    name = mark = "registry"
    authorization = ""

    def command(self) -> list[str]:
        go = shutil.which("go")
        if go is None:
            missing(
                "Go, which builds the schema registry of the tests, is not installed (on Debian: apt install golang)"
            )
        program = self.folder / "registry"
        if not program.is_file():
            built = subprocess.run(
                [go, "build", "-o", str(program), "."],
                cwd=REGISTRY, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False,
            )  # fmt: skip
            if built.returncode:
                missing(f"the schema registry of the tests cannot be built: {built.stderr[-LOG_TAIL:]}")
        return ["env", f"AUTHORIZATION={self.authorization}", str(program), f"-httptest.serve={self.address}"]

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    def register(
        self, subject: str, schema: str, kind: str = "AVRO", references: Iterable[tuple[str, str]] = ()
    ) -> int:
        """Registers a schema and returns its id. references: the name that it uses, and the subject of version 1."""
        body = {
            "schema": schema,
            "schemaType": kind,
            "references": [{"name": name, "subject": of, "version": 1} for name, of in references],
        }
        headers = {"Authorization": self.authorization} if self.authorization else {}
        answer = httpx.post(
            f"{self.url}/subjects/{subject}/versions", json=body, headers=headers, timeout=CALL_SECONDS, trust_env=False
        )
        assert answer.status_code == 200, answer.text
        return int(answer.json()["id"])


S = TypeVar("S", bound=Service)
K = TypeVar("K", bound=Kafka)
started: dict[str, Service] = {}
allowed: set[str] | None = None  # the marks of the test that runs; None: no test does


def allow(marks: set[str] | None) -> None:
    global allowed
    allowed = marks


def require_mark(name: str) -> None:
    """Ends a test that needs something it is not marked for: `-m "not kafka"` would start Kafka all the same."""
    if allowed is not None and name not in allowed:
        pytest.fail(f"use the fixture {name}, or mark the test with it: pytest.mark.{name}", pytrace=False)


def once(make: Callable[[], S]) -> S:
    """The one service of this kind in this run; running, whatever the last test did to it."""
    key = getattr(make, "name", repr(make))
    require_mark(getattr(make, "mark", key))
    service = started.get(key)
    if service is None:
        service = started[key] = make()
    elif service.running:
        service.resume()
    service.start()
    return service  # type: ignore[return-value]  # the key is the kind


def kafka() -> Kafka:
    return kafka_of(Kafka)


def kafka_of(kind: type[K]) -> K:
    """Another Kafka than the one that tests share; its test ends it with `close()`."""
    try:
        return once(kind)
    except kafka_server.KafkaMissing as error:
        missing(str(error))


def postgres() -> Postgres:
    return once(Postgres)


def redis() -> Redis:
    return once(Redis)


def registry() -> Registry:
    return once(Registry)


def chromium() -> str:
    """The path of a Chromium for Playwright's `executable_path`. The one without windows of its own comes first: others
    draw those, too, even where nobody sees them, and take twice the CPU."""
    for name in ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    missing("Chromium is not installed (on Debian: apt install chromium-headless-shell)")


def close(service: Service) -> None:
    """Ends one service before the run ends."""
    started.pop(service.name, None)
    service.close()


def close_all() -> None:
    while started:
        started.popitem()[1].close()
