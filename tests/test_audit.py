"""`make audit` passes only for packages that somebody looked up."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.audit import deployment, of_npm_audit, of_pip_audit

WELL = {"name": "django", "version": "5.2.19", "vulns": []}
BAD = {"name": "idna", "version": "3.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["3.7"]}]}
UNKNOWN = {"name": "redis", "skip_reason": "not found"}


@pytest.mark.parametrize(
    ("packages", "told"),
    [
        ([WELL], []),
        ([WELL, BAD], ["idna 3.0: PYSEC-1, mended in 3.7"]),
        ([WELL, UNKNOWN], ["NOT AUDITED: the index said nothing of 1 of 2: redis"]),
        ([], ["NOT AUDITED: the index said nothing of 0 of 0: "]),
    ],
)
def test_of_python_packages_each_was_looked_up_and_is_well_or_is_told(packages: list[Any], told: list[str]) -> None:
    assert of_pip_audit(json.dumps({"dependencies": packages})) == told


@pytest.mark.parametrize(
    ("report", "told"),
    [
        ({"vulnerabilities": {}}, []),
        ({"vulnerabilities": {"axe-core": {"severity": "high"}}}, ["axe-core: high"]),
        ({"message": "405 Method Not Allowed", "statusCode": 405}, ["NOT AUDITED: 405 Method Not Allowed"]),
        ([], ["NOT AUDITED: no reason given"]),
    ],
)
def test_of_javascript_packages_too(report: Any, told: list[str]) -> None:
    assert of_npm_audit(json.dumps(report)) == told


def test_no_report_is_no_pass() -> None:
    assert of_pip_audit("") == ["NOT AUDITED: pip-audit gave no report."]
    assert of_npm_audit("") == ["NOT AUDITED: npm gave no report."]


@pytest.mark.processes
def test_the_settings_of_a_production_pass_djangos_own_checks() -> None:
    assert deployment() == []
