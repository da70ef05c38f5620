"""Links against a real server. Names are answered by a resolver of the test; `only_loopback` stands for "public"."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from items.links.addresses import leads_inside
from items.links.checking import LinkResult, check_links
from items.links.transport import Limits
from tests.support.link_server import LinkServer, link_server, make_certificate

QUICK = Limits(read=0.3, total=0.6)
PATIENT = Limits(connect=60, read=60, total=120)  # where the machine alone may take its time


@pytest.fixture
def server() -> Iterator[LinkServer]:
    with link_server() as made:
        yield made


def beyond_loopback(address: str) -> bool:
    """127.0.0.1 plays the public internet; everything else is as in the product."""
    return address != "127.0.0.1" and leads_inside(address)


def anywhere(address: str) -> bool:
    return False


async def to_loopback(host: str, port: int) -> list[str]:
    return ["127.0.0.1"]


async def check(url: str, **options: Any) -> LinkResult:
    usual: dict[str, Any] = {"inside": beyond_loopback, "limits": PATIENT}
    return (await check_links([url], **(usual | options)))[url]


async def test_an_answer_of_any_status_is_a_result(server: LinkServer) -> None:
    links = [server.url(f"/status/{status}") for status in (200, 404, 500)]
    results = await check_links(links, inside=anywhere, limits=PATIENT)
    assert [(result.status, result.error) for result in results.values()] == [(200, ""), (404, ""), (500, "")]
    assert all(0 < result.took < PATIENT.total for result in results.values())


async def test_redirects_are_followed_to_their_target(server: LinkServer) -> None:
    last = server.url("/status/404")
    result = await check(server.url(f"/to?/to?{last}"))
    assert (result.status, result.redirected_to, result.error) == (404, last, "")


async def test_more_than_five_redirects_are_too_many(server: LinkServer) -> None:
    assert (await check(server.url("/to?" * 5 + "/ok"))).status == 200
    result = await check(server.url("/to?" * 6 + "/ok"))
    assert (result.status, result.error) == (302, "It redirects more than 5 times.")
    assert (await check(server.url("/to?/circle"), resolve=to_loopback)).status == 200


@pytest.mark.parametrize(
    "inside",
    [
        "http://127.0.0.2:1/", "http://10.0.0.1/", "http://169.254.169.254/latest/meta-data/",
        "http://[::1]/", "http://[::ffff:10.0.0.1]/", "http://2130706434/", "http://0x7f.2/", "http://0/",
        "//192.168.0.1/",
    ],
)  # fmt: skip
async def test_a_redirect_that_leads_inside_is_not_followed(server: LinkServer, inside: str) -> None:
    result = await check(server.url(f"/to?{inside}"))
    assert "is inside this network or reserved" in result.error
    assert (result.status, len(server.heads)) == (302, 1)
    assert result.redirected_to == (f"http:{inside}" if inside.startswith("//") else inside)


async def test_a_server_of_this_machine_is_refused_by_default(server: LinkServer) -> None:
    for host in ("127.0.0.1", "localhost", "2130706433", "[::ffff:127.0.0.1]", "127.1", "0.0.0.0"):
        result = (await check_links([server.url("/ok", host)]))[server.url("/ok", host)]
        assert (result.status, "is inside this network" in result.error) == (None, True), host
    assert server.heads == []


@pytest.mark.parametrize(
    "answer",
    [
        ["10.1.2.3"],
        ["8.8.8.8", "127.0.0.1"],
        ["fd00::1"],
        ["::ffff:169.254.169.254"],
        ["64:ff9b::a00:1"],
        ["2002:7f00:1::"],
    ],
)
async def test_a_name_is_refused_when_any_of_its_addresses_leads_inside(answer: list[str]) -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return answer

    result = await check("http://shop.example/", inside=leads_inside, resolve=resolve)
    assert result.error == "shop.example is inside this network or reserved; such links are not fetched."


async def test_the_connection_goes_to_the_address_that_was_vetted(server: LinkServer) -> None:
    """A name server that answers another address the second time gains nothing: it is asked once a request."""
    asked: list[tuple[str, int]] = []

    async def rebinding(host: str, port: int) -> list[str]:
        asked.append((host, port))
        return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

    result = await check(server.url("/ok", "shop.example"), resolve=rebinding)
    assert (result.status, asked) == (200, [("shop.example", server.port)])
    assert f"host: shop.example:{server.port}\r\n" in server.heads[0].lower()
    second = await check(server.url("/ok", "shop.example"), resolve=rebinding)
    assert (second.status, len(server.heads)) == (None, 1)


async def test_the_next_address_is_tried_when_one_takes_no_connection(server: LinkServer) -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return ["127.0.0.3", "127.0.0.1"]  # the server listens on the second only

    assert (await check(server.url("/ok", "shop.example"), resolve=resolve, inside=anywhere)).status == 200


async def test_certificates_are_checked_against_the_name_and_sni_carries_it(tmp_path: Path) -> None:
    certificate, authority = make_certificate(tmp_path, "shop.example")
    trust = ssl.create_default_context(cafile=str(authority))
    with link_server(certificate) as server:
        options = {"resolve": to_loopback, "trust": trust}
        good = await check(server.url("/ok", "shop.example", "https"), **options)
        assert (good.status, good.error, server.names) == (200, "", ["shop.example"])
        other = await check(server.url("/ok", "other.example", "https"), **options)
        assert other.status is None
        assert other.error.startswith("The server's certificate is not valid: Hostname mismatch")
        unknown = await check(server.url("/ok", "shop.example", "https"), resolve=to_loopback)
        assert unknown.error.startswith("The server's certificate is not valid: ")


async def test_tls_where_there_is_none(server: LinkServer) -> None:
    assert (await check(server.url("/ok", scheme="https"))).error == "The server does not speak TLS as it should."


async def test_no_more_of_a_body_is_read_than_64_kib(server: LinkServer) -> None:
    result = await check(server.url("/endless"))
    assert (result.status, result.error) == (200, "")
    assert server.body_bytes < 16 * 1024 * 1024  # what both sides' socket buffers take before the connection ends


async def test_a_server_that_says_nothing_or_little_is_given_up(server: LinkServer) -> None:
    hanging = await check(server.url("/hang"), inside=anywhere, limits=replace(PATIENT, read=0.3))
    assert hanging.error == "The server said nothing for 0.3 s."
    dripping = await check(server.url("/drip"), inside=anywhere, limits=replace(PATIENT, total=0.6))
    assert dripping.error == "It took longer than 0.6 s."
    assert dripping.took > 0.5


async def test_a_resolver_that_hangs_is_given_up() -> None:
    async def never(host: str, port: int) -> list[str]:
        await asyncio.Event().wait()
        raise AssertionError

    result = await check("http://shop.example/", resolve=never, limits=replace(PATIENT, connect=0.1))
    assert result.error == "The name shop.example was not resolved within 0.1 s."


async def test_what_is_not_http_is_told(server: LinkServer) -> None:
    for path in ("/nonsense", "/cut"):
        assert (await check(server.url(path))).error == "The answer is not HTTP, or was cut off."


async def test_names_without_an_address_and_closed_ports_are_told() -> None:
    async def unknown(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    assert (
        await check("http://shop.example/", resolve=unknown)
    ).error == "There is no address for the name shop.example."
    unknown_to_all = await check("http://nowhere.invalid/")  # the machine's own resolver is asked
    assert unknown_to_all.error == "There is no address for the name nowhere.invalid."
    with socket.socket() as bound:  # bound, not listening
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        assert (await check(f"http://127.0.0.1:{port}/")).error == "The server refuses connections."


@pytest.mark.parametrize(
    "url",
    [
        "", "http://", "http:///path", "//x/", "x", "ftp://shop.example/", "javascript:alert(1)", "file:///etc/passwd",
        "http://user:word@shop.example/", "http://user@shop.example/", "http://[::1", "http://[x]/", "http://a b/",
        "http://shop.example:99999/", "http://shop.example:x/", "http://\ud800/", "http://xn--/", "http://a..b/",
        "http://" + "a" * 300 + ".example/", "http://\x00/", "http://127.0.0.1%2f/", "http://☃.example:0/",
    ],
)  # fmt: skip
async def test_what_cannot_be_fetched_is_a_sentence(url: str) -> None:
    result = await check(url, resolve=to_loopback, limits=QUICK)
    assert (result.status, result.error.endswith(".")) == (None, True)


async def test_a_redirect_to_something_else_than_http_is_not_followed(server: LinkServer) -> None:
    for target in ("ftp://shop.example/", "javascript:1", "http://u:p@127.0.0.1/", "http://[", "http://a:b/"):
        result = await check(server.url(f"/to?{target}"))
        assert (result.status, bool(result.error)) == (302, True), target


async def test_no_cookie_travels_and_no_proxy_of_the_environment_is_used(
    server: LinkServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1/")
    await check_links([server.url("/cookie")], inside=anywhere, limits=replace(PATIENT, overall=1))
    await check_links([server.url("/cookie"), server.url("/ok")], inside=anywhere, limits=replace(PATIENT, overall=1))
    assert len(server.heads) == 3
    assert not any("cookie:" in head.lower() for head in server.heads)


async def test_the_bounds_hold_overall_and_for_each_host(server: LinkServer) -> None:
    one_host = [server.url(f"/slow?{number}", "a.example") for number in range(8)]
    await check_links(one_host, inside=anywhere, resolve=to_loopback, limits=replace(PATIENT, per_host=2))
    assert server.most_at_once <= 2
    server.most_at_once = 0
    hosts = [server.url("/slow", f"host{number}.example") for number in range(12)]
    seen: list[LinkResult] = []
    results = await check_links(
        hosts + hosts, inside=anywhere, resolve=to_loopback, limits=replace(PATIENT, overall=3), on_result=seen.append
    )
    assert server.most_at_once <= 3
    assert list(results) == hosts
    assert sorted(seen, key=lambda result: hosts.index(result.url)) == list(results.values())


INSIDE = """
0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 100.100.100.200 127.0.0.1 127.255.255.255 169.254.169.254 172.16.0.1 172.31.255.255
192.0.0.8 192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1
255.255.255.255 168.63.129.16
:: ::1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 64:ff9b::7f00:1 64:ff9b:1::1 100::1 2001::1 2001:db8::1 3fff::1
2002:0808:0808::1 fc00::1 fd00:ec2::254 fe80::1 fe80::1%lo fec0::1 ff02::1
localhost 127.1 2130706433
"""
PUBLIC = """
1.1.1.1 8.8.8.8 100.63.255.255 100.128.0.1 172.32.0.1 193.0.0.1 223.255.255.255
::ffff:8.8.8.8 64:ff9b::808:808 2606:4700:4700::1111 2a00:1450::1
"""


def test_which_addresses_lead_inside() -> None:
    assert [address for address in INSIDE.split() if not leads_inside(address)] == []
    assert [address for address in PUBLIC.split() if leads_inside(address)] == []
