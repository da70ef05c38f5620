"""`make audit`: what is known against the dependencies, and what Django says of the settings of a production.

An audit that got no answer has not passed: pip-audit ends with 0 and "No known vulnerabilities found" when the index
knows none of the packages, so its report is read here, and what nobody looked at is told.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.support.processes import environment

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".run" / "audit"  # an environment of its own
CALL_SECONDS = 300
SHOWN = 5  # names of packages in a sentence

PRODUCTION = {
    "DJANGO_SETTINGS_MODULE": "project.settings",
    "ALLOWED_HOSTS": "board.example.com",
    "CSRF_TRUSTED_ORIGINS": "https://board.example.com",
    "DATABASE_URL": "postgres://streamboard:password@localhost:5432/streamboard",
    "KAFKA_BOOTSTRAP_SERVERS": "localhost:9092",
    "REDIS_URL": "redis://localhost:6379/0",
}


def some(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


def of_pip_audit(report: str) -> list[str]:
    """What is wrong, in sentences, from pip-audit's JSON; an empty list: every package was looked up and is well."""
    try:
        packages: list[dict[str, Any]] = json.loads(report)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return ["NOT AUDITED: pip-audit gave no report."]
    wrong = [
        f"{package['name']} {package['version']}: {each['id']}, mended in {some(each['fix_versions']) or 'no version'}"
        for package in packages
        for each in package.get("vulns", ())
    ]
    unknown = [str(package["name"]) for package in packages if "skip_reason" in package]
    if unknown or not packages:
        wrong.append(f"NOT AUDITED: the index said nothing of {len(unknown)} of {len(packages)}: {some(unknown)}")
    return wrong


def of_npm_audit(report: str) -> list[str]:
    """The same from npm's JSON."""
    try:
        answer = json.loads(report)
        found = answer["vulnerabilities"]
    except ValueError:
        return ["NOT AUDITED: npm gave no report."]
    except (KeyError, TypeError):
        reason = answer.get("message", "no reason given") if isinstance(answer, dict) else "no reason given"
        return [f"NOT AUDITED: {reason}"]
    return [f"{name}: {each['severity']}" for name, each in found.items()]


def run(*command: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=ROOT, env={**os.environ, **env}, capture_output=True, text=True, timeout=CALL_SECONDS, check=False
    )


def python_packages() -> list[str]:
    program = TOOLS / "bin" / "pip-audit"
    if not program.is_file():
        run(sys.executable, "-m", "venv", str(TOOLS))
        pip = (str(TOOLS / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check")
        installed = run(*pip, "-r", "tests/audit.txt")
        if installed.returncode != 0:
            return [f"NOT AUDITED: pip-audit cannot be installed: {installed.stderr.strip()[-300:]}"]
    options = ["--disable-pip", "--no-deps", "--progress-spinner", "off", "--format", "json"]
    return of_pip_audit(run(str(program), *options, "-r", "requirements.txt", "-r", "tests/requirements.txt").stdout)


def javascript_packages() -> list[str]:
    npm = shutil.which("npm")
    if npm is None:
        return ["NOT AUDITED: npm is not installed (on Debian: apt install npm)"]
    return of_npm_audit(run(npm, "audit", "--json").stdout)


def deployment() -> list[str]:
    env = environment(**PRODUCTION, SECRET_KEY=secrets.token_urlsafe(50))
    command = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=CALL_SECONDS, check=False)
    return [] if done.returncode == 0 else [done.stderr.strip()]


def main() -> int:
    is_well = True
    for name, look in (
        ("Python packages", python_packages),
        ("JavaScript packages", javascript_packages),
        ("manage.py check --deploy", deployment),
    ):
        wrong = look()
        is_well = is_well and not wrong
        print(f"{name}: " + ("nothing known against them" if not wrong else "\n  ".join(["", *wrong])), flush=True)
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main())
