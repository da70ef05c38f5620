"""What README.md, the Makefile, the Dockerfile and compose.yaml name exists."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import get_commands, load_command_class
from django.urls import Resolver404, resolve

from streams.health import probes
from tests.settings import PRODUCT_VARIABLES
from tests.support.processes import UVICORN_OPTIONS

ROOT = Path(__file__).resolve().parent.parent.parent
README = (ROOT / "README.md").read_text()
COMPOSE: dict[str, Any] = yaml.load((ROOT / "compose.yaml").read_text(), yaml.CSafeLoader)
NOT_FOR_USERS = {"DEMO", "RUN_ADDRESS"}  # only `make run` sets them
BLOCKS = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)


def shell_lines() -> list[list[str]]:
    """The commands in README's shell blocks, each as its words, without comments."""
    lines = "".join(BLOCKS).replace("\\\n", " ").splitlines()
    return [words for line in lines if (words := shlex.split(line, comments=True))]


def settings_read() -> set[str]:
    """The variables that project/settings.py reads."""
    return set(re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', (ROOT / "project" / "settings.py").read_text()))


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_readme_names_every_setting_and_no_other() -> None:
    table = README.partition("## Settings")[2].partition("\n## ")[0]
    named = {
        name for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for name in re.findall(r"`([A-Z_]+)`", row)
    }
    assert named == settings_read() - NOT_FOR_USERS
    exported = set(re.findall(r"\b([A-Z_]+)=", "".join(re.findall(r"^export .*", README, re.MULTILINE))))
    assert exported <= named


def test_the_tests_know_every_setting() -> None:
    assert set(PRODUCT_VARIABLES) == settings_read()


def test_make_targets_in_readme_exist_and_are_all_named() -> None:
    assert set(re.findall(r"\bmake ([a-z]+)", README)) == make_targets() - {"help"}


def test_make_variables_in_readme_exist() -> None:
    known = set(re.findall(r"^([A-Z_]+) \?=", (ROOT / "Makefile").read_text(), re.MULTILINE))
    used = {word.partition("=")[0] for words in shell_lines() if words[0] == "make" for word in words if "=" in word}
    assert used <= known
    assert {"HOST", "PORT", "KAFKA_HOST", "KAFKA_PORT"} <= known


def test_management_commands_in_readme_exist_with_their_options() -> None:
    lines = re.findall(r"(?:python |`)manage\.py ((?:[^`\n#|]|\\\|)+)", README)
    assert len(lines) >= 8
    for line in lines:
        name, *words = line.split()
        command = load_command_class(get_commands()[name], name)
        text = command.create_parser("manage.py", name).format_help()
        for option in re.findall(r"--[a-z-]+", " ".join(words)):
            assert option in text, f"{name} has no {option}"


def test_paths_in_readme_exist() -> None:
    linked = re.findall(r"\]\((?!http)([^)#]+)\)", README)
    named = re.findall(
        r"(?<![\w./-])((?:docs|tests|project|items|streams)/[\w./-]*\w|[\w-]+\.(?:py|yaml|txt|toml))", README
    )
    assert linked
    for path in {*linked, *named}:
        assert (ROOT / path).exists(), path


def test_addresses_in_readme_are_served() -> None:
    section = README.partition("## Addresses")[2].partition("\n## ")[0]
    addresses = set(re.findall(r"`(/[\w/]*)`", section)) - {"/ws/live/"}
    assert len(addresses) >= 8
    assert addresses >= set(probes.VIEWS)
    for address in addresses - set(probes.VIEWS):
        try:
            resolve(address)
        except Resolver404:
            pytest.fail(f"nothing at {address}")


def uvicorn_options(words: list[str]) -> list[str]:
    return words[words.index("--loop") :][: len(UVICORN_OPTIONS)]


def test_uvicorn_is_started_with_the_same_options_everywhere() -> None:
    (readme,) = (words for words in shell_lines() if words[0].endswith("uvicorn"))
    assert uvicorn_options(readme) == UVICORN_OPTIONS
    makefile = (ROOT / "Makefile").read_text().replace("\\\n", " ").split()
    assert uvicorn_options(makefile) == UVICORN_OPTIONS
    dockerfile = (ROOT / "Dockerfile").read_text().partition('CMD ["uvicorn"')[2]
    assert uvicorn_options(re.findall(r'"([^"]*)"', dockerfile)) == UVICORN_OPTIONS


def test_compose_uses_settings_and_commands_that_exist() -> None:
    services = COMPOSE["services"]
    ours = {name: service for name, service in services.items() if service.get("build")}
    assert sorted(ours) == ["bridge-1", "bridge-2", "migrate", "web-1", "web-2"]
    for service in ours.values():
        assert set(service["environment"]) <= settings_read()
        command = service.get("command", [])
        assert not command or (command[:2] == ["python", "manage.py"] and command[2] in get_commands())
        assert set(service["depends_on"]) <= set(services)
    for name in ("kafka", "postgres", "redis"):
        assert services[name]["healthcheck"]["test"]
    assert services["kafka"]["image"].partition("@")[0] == "apache/kafka:4.1.0"


def test_compose_is_reached_from_its_own_machine_only() -> None:
    services = COMPOSE["services"]
    published = [port for service in services.values() for port in service.get("ports", ())]
    assert len(published) == 3
    assert all(port.startswith("127.0.0.1:") for port in published)
    (network,) = COMPOSE["networks"]["default"]["ipam"]["config"]
    for name in ("web-1", "web-2"):
        assert network["gateway"] in services[name]["environment"]["FORWARDED_ALLOW_IPS"]


def test_every_image_has_an_exact_version_and_a_digest() -> None:
    images = [service["image"] for service in COMPOSE["services"].values() if "build" not in service]
    images += re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert len(images) == 5
    for image in images:
        assert re.search(r":\d+\.\d+(\.\d+)?[^@]*@sha256:[0-9a-f]{64}$", image), image


def pins(name: str) -> set[str]:
    """`package==version` of a file of requirements."""
    found = re.findall(r"^([\w.-]+(?:\[[\w,]+\])?==[\w.]+)", (ROOT / name).read_text(), re.MULTILINE)
    return {re.sub(r"\[[\w,]+\]", "", pin).lower().replace("_", "-") for pin in found}


def test_the_image_installs_what_is_pinned_by_hash() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    assert pins("requirements.lock") == pins("requirements.txt")
    assert "--require-hashes -r requirements.lock" in (ROOT / "Dockerfile").read_text()
    for requirement in re.split(r"\n(?=\w)", lock.partition("\n\n")[2]):
        assert "--hash=sha256:" in requirement, requirement


def test_every_pin_is_exact() -> None:
    for name in ("requirements.txt", "tests/requirements.txt"):
        for line in (ROOT / name).read_text().splitlines():
            requirement = line.partition("#")[0].strip()
            assert not requirement or requirement.startswith("-r ") or re.search(r"==[\w.]+", requirement), line


def test_make_run_refuses_an_old_python_with_a_sentence(tmp_path: Path) -> None:
    for name in ("python3.11", "python3.12", "python3.13", "python3.14", "python3", "python"):
        program = tmp_path / name
        program.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "Python 3.9.2" && exit\nexit 1\n')
        program.chmod(0o755)
    copy = tmp_path / "clone"
    copy.mkdir()
    for name in ("Makefile", "requirements.txt"):
        (copy / name).write_text((ROOT / name).read_text())
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    done = subprocess.run(["make", "run"], cwd=copy, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "needs Python 3.11 or newer; found: Python 3.9.2" in done.stderr


@pytest.mark.parametrize(
    ("host", "given", "debug", "demo"),
    [
        ("127.0.0.1", {}, "true", "true"),
        ("localhost", {"DEBUG": "false"}, "false", "true"),
        ("::1", {"DEMO": "false"}, "true", "false"),
        ("0.0.0.0", {}, "false", "false"),
        ("0.0.0.0", {"DEMO": "true", "DEBUG": "true"}, "false", "false"),
        ("127.0.0.1.example.com", {}, "false", "false"),
        ("127.0.0.1", {"ALLOWED_HOSTS": "board.example.com"}, "", ""),
        ("127.0.0.1", {"CSRF_TRUSTED_ORIGINS": "https://board.example.com"}, "", ""),
    ],
)
def test_make_run_is_a_demonstration_on_loopback_only(
    tmp_path: Path, host: str, given: dict[str, str], debug: str, demo: str
) -> None:
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name in ("Makefile", "requirements.txt"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    for name in ("python", "uvicorn"):
        (programs / name).write_text('#!/bin/sh\necho "$(basename "$0")|$2|$DEBUG|$DEMO"\n')
        (programs / name).chmod(0o755)
    (tmp_path / ".venv" / "installed").touch()
    command = ["make", "run", f"HOST={host}"]
    done = subprocess.run(
        command, cwd=tmp_path, env={"PATH": "/usr/bin:/bin", **given}, capture_output=True, text=True, check=False
    )
    told = f"|{debug}|{demo}"
    assert done.stdout.splitlines() == [f"python|prepare{told}", f"uvicorn|--host{told}"]
