"""Where redirects to HTTPS lead: to where we are known, whatever port a stranger's Host names."""

from __future__ import annotations

import pytest
from django.test import Client, override_settings


@pytest.mark.parametrize(
    ("origins", "host", "location"),
    [
        (["https://testserver"], "testserver:6666", "https://testserver/items/?a=b"),
        (["https://testserver:8443"], "testserver:6666", "https://testserver:8443/items/?a=b"),
        (["https://*.example.com"], "board.example.com:6666", "https://board.example.com/items/?a=b"),
        (["https://other.example"], "testserver:6666", "https://testserver/items/?a=b"),
    ],
)
def test_a_redirect_to_https_leads_to_a_port_of_ours(origins: list[str], host: str, location: str) -> None:
    hosts = ["testserver", "board.example.com"]
    with override_settings(SECURE_SSL_REDIRECT=True, CSRF_TRUSTED_ORIGINS=origins, ALLOWED_HOSTS=hosts):
        answer = Client().get("/items/?a=b", HTTP_HOST=host)
    assert (answer.status_code, answer["Location"]) == (301, location)
