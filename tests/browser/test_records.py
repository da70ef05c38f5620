"""Records of every kind, and records that did not arrive: shown as what they are, and loaded when asked for."""

from __future__ import annotations

import re

import httpx
from confluent_kafka import Producer
from playwright.async_api import Page, expect

from tests.browser.conftest import Visitors, places
from tests.conftest import Install
from tests.support.processes import SESSION_COOKIE, USERS, Installation, Process, session_of
from tests.support.proxy import Proxy
from tests.support.services import Kafka
from tests.support.waiting import until

TOPIC = "odd.records"
# By this clock no time passes: not when a board hears nothing, after which it would connect anew, and miss nothing; not
# while the past arrives, which is shown as it came when it takes long.
STANDS_STILL = "{ const opened = Date.now(); Date.now = () => opened; }"


def producer(web: Process) -> Producer:
    """A producer to the embedded broker of a process, whose log names its address."""
    return Producer({"bootstrap.servers": web.broker(), "log_level": 0, "linger.ms": 5, "message.max.bytes": 4_000_000})


# Notes that a button says "Copied": it says so for a moment only, which may be over when somebody looks.
NOTES_COPIED = """() => {
  window.wasCopied = false;
  const look = (_, watching) => {
    if (!document.querySelector("button[aria-label=Copied]")) return;
    window.wasCopied = true;
    watching.disconnect();
  };
  new MutationObserver(look).observe(document.body, { subtree: true, childList: true, attributes: true });
}"""


async def copied(page: Page, what: str) -> str:
    """Copies a part of the record that is shown; returns what is in the clipboard once it was said that it is there."""
    await page.evaluate(NOTES_COPIED)
    await page.get_by_role("button", name=f"Copy {what}").click()
    await page.wait_for_function("() => wasCopied")
    found: str = await page.evaluate("navigator.clipboard.readText()")
    await expect(page.get_by_role("button", name="Copied")).to_have_count(0)
    return found


def topic_of(installation: Installation) -> Process:
    installation.watch(TOPIC, "Odd records")
    return installation.web()


async def test_a_record_is_shown_as_what_it_is(visitors: Visitors, install: Install) -> None:
    web = topic_of(install())
    kafka = producer(web)
    whole = '{"end": "' + "x" * 100_000 + 'THE END", "n": 12345678901234567890}'
    for key, value in [
        (b"digits", b'{"big": 12345678901234567890, "one": 1.0}'),
        (None, "no key, just wörds".encode()),
        (b"\xff\xfe", b"\x00\xff"),
        (b"gone", None),
        (b"nan", b'{"a": NaN}'),
        (b"markup", b'{"x": "<img src=x onerror=alert(1)>"}'),
        (b"large", whole.encode()),
    ]:
        kafka.produce(TOPIC, value, key=key, partition=0, headers=[("binary", b"\xff"), ("plain", b"text")])
    assert kafka.flush(20) == 0

    board = await (await visitors.new(web)).board(TOPIC)
    rows = board.locator(".row[data-kind=record]")
    await expect(rows).to_have_count(7)
    for place, shown in [
        ("0:0", "big: 12345678901234567890  one: 1.0"),
        ("0:1", "no key"),
        ("0:1", "no key, just wörds"),
        ("0:2", "base64"),
        ("0:3", "tombstone"),
        ("0:4", '{"a": NaN}'),
        ("0:5", "<img src=x onerror=alert(1)>"),
        ("0:6", "cut"),
    ]:
        offset = place.partition(":")[2]
        await expect(board.locator(f'.row[data-offset="{offset}"]')).to_contain_text(shown)

    detail = board.locator(".detail")
    await board.locator('.row[data-offset="0"]').click()
    await expect(detail).to_contain_text('"big": 12345678901234567890')
    await expect(detail).to_contain_text("base64 /w==")
    await board.locator('.row[data-offset="6"]').click()
    long = detail.locator(".long-text[aria-label=Value]")  # whole, a part at a time
    await long.evaluate("value => value.scrollTo(0, value.scrollHeight)")
    await expect(long).to_contain_text(re.compile(r"T\s*H\s*E\s*E\s*N\s*D"))  # its lines are folded
    await expect(long).to_contain_text("12345678901234567890")


async def test_odd_records_are_shown_and_found_as_they_stand_in_kafka(visitors: Visitors, install: Install) -> None:
    web = topic_of(install())
    kafka = producer(web)
    odd: list[tuple[bytes, bytes, list[tuple[str, str | bytes | None]]]] = [
        (b"twice", b'{"status":"NEW","10":1,"2":-0,"status":"PAID"}', []),
        (b"headers", b'{"h":1}', [("a", b"1"), ("a", b"2"), ("n", None), ("e", b""), ("topic", b"mine")]),
        (b"quote", b'{"msg":"say \\"hi\\" to","id":7}', []),
        (b"trace", b"\nTraceback\n  line 2\n  line 3", []),
        (b"turned", '{"a":"\u202egnorw","b":"right"}'.encode(), []),
        (b"", b"", []),
    ]
    for key, value, headers in odd:
        kafka.produce(TOPIC, value, key=key, partition=0, headers=headers)
    assert kafka.flush(20) == 0
    board = await (await visitors.new(web)).board(TOPIC)
    rows, detail = board.locator(".row[data-kind=record]"), board.locator(".detail")
    await expect(rows).to_have_count(6)
    nothing = board.locator('.row[data-offset="5"]')
    await expect(nothing.locator(".key")).to_have_text("empty")
    await expect(nothing.locator(".value")).to_have_text("textempty")
    await nothing.click()
    await expect(detail).to_contain_text("Empty: a value without a byte.")
    await expect(detail.locator(".facts")).to_contain_text("keyempty")
    await expect(board.locator('.row[data-offset="0"]')).to_contain_text("status: NEW  10: 1  2: -0  status: PAID")
    await expect(board.locator('.row[data-offset="3"]')).to_contain_text("+2 linesTraceback")
    await board.locator('.row[data-offset="0"]').click()
    await expect(detail.locator(".detail-value")).to_have_text(
        '{\n  "status": "NEW",\n  "10": 1,\n  "2": -0,\n  "status": "PAID"\n}'
    )
    await board.locator('.row[data-offset="1"]').click()
    await expect(detail.locator(".headers li")).to_have_text(["a 1", "a 2", "n null", "e empty", "topic mine"])
    found = board.get_by_label("Filter the records")
    for text, offset in [('say "hi"', 2), ("status:PAID", 0), ("id: 7", 2), ("topic: mine", 1)]:
        await found.fill(text)
        await expect(rows).to_have_count(1)
        await expect(rows).to_have_attribute("data-offset", str(offset))


async def test_json_that_strict_parsers_refuse_is_shown_searched_and_copied_as_it_stands_in_kafka(
    visitors: Visitors, install: Install
) -> None:
    web = topic_of(install())
    value = '{"id": 7,  "n": 1e400, "half": "a\\ud800b", "n": -1E-400}'
    kafka = producer(web)
    headers: list[tuple[str, str | bytes | None]] = [("__proto__", b"kept"), ("twice", b"first"), ("twice", b"last")]
    kafka.produce(TOPIC, value, partition=0, headers=headers)
    kafka.produce(TOPIC, b"[INFO] started", partition=0)
    assert kafka.flush(30) == 0
    person = await visitors.new(web)
    await person.context.grant_permissions(["clipboard-read", "clipboard-write"])
    board = await person.board(TOPIC)
    rows, detail = board.locator(".row[data-kind=record]"), board.locator(".detail")
    await expect(rows).to_have_count(2)
    await expect(board.locator('.row[data-offset="0"]')).to_contain_text(
        'id: 7  n: 1e400  half: "a\\ud800b"  n: -1E-400'
    )
    await expect(board.locator('.row[data-offset="1"]')).to_contain_text("text[INFO] started")
    found = board.get_by_label("Filter the records")
    for text in ("id: 7", "n: 1e400", "\\ud800", "__proto__: kept", "twice: first"):
        await found.fill("started")
        await expect(board.locator('.row[data-offset="0"]')).to_have_count(0)
        await found.fill(text)
        await expect(rows).to_have_count(1)
        await expect(rows).to_have_attribute("data-offset", "0")
    await rows.click()
    await expect(detail.locator(".detail-value")).to_have_text(
        '{\n  "id": 7,\n  "n": 1e400,\n  "half": "a\\ud800b",\n  "n": -1E-400\n}'
    )
    # To filters it is a text: a condition on a field of it would find nothing.
    await expect(detail.locator(".detail-value .json-value")).to_have_count(3)
    await expect(detail.locator(".detail-value .pick")).to_have_count(0)
    await expect(detail.locator(".headers li")).to_have_text(["__proto__ kept", "twice first", "twice last"])
    assert await copied(board, "value") == value
    async with httpx.AsyncClient(base_url=web.url, cookies={SESSION_COOKIE: session_of(USERS[0])}, timeout=30) as api:
        record = (await api.get(f"/api/topics/{TOPIC}/records/0/0")).json()
    assert record["value"] == value


async def test_binary_that_happens_to_be_text_is_told_from_text_and_a_turned_field_turns_nothing_else(
    visitors: Visitors, install: Install
) -> None:
    web = topic_of(install())
    kafka = producer(web)
    kafka.produce(TOPIC, b"\x00\x00\x00\x00\x07\x12Desk lamp\x0e", partition=0)
    kafka.produce(TOPIC, '{"name": "abc\u202edef", "price": "3.50"}'.encode(), partition=0)
    assert kafka.flush(30) == 0
    board = await (await visitors.new(web)).board(TOPIC)
    binary, turned = board.locator('.row[data-offset="0"]'), board.locator('.row[data-offset="1"]')
    await expect(binary).to_contain_text("text, not printable␀␀␀␀␇␒Desk lamp␎")
    await expect(turned).to_be_visible()
    await binary.click()
    await expect(board.locator(".detail-value")).to_have_text("␀␀␀␀␇␒Desk lamp␎")
    await expect(board.locator(".detail")).to_contain_text("text, not printable; ␀ stands for 0")
    assert await turned.locator(".value").text_content() == "name: abc\u202edef  price: 3.50  "
    edges = "(part) => part.getBoundingClientRect().right"
    field, following = turned.locator("bdi"), turned.locator(".name").nth(1)
    assert await field.evaluate(edges) < await following.evaluate(edges), "the next field stands behind it"


async def test_what_a_slow_connection_missed_is_a_gap_that_can_be_loaded(
    visitors: Visitors, install: Install, kafka: Kafka
) -> None:
    topic = kafka.create_topic(partitions=1)
    installation = install(KAFKA_BOOTSTRAP_SERVERS=kafka.address)
    installation.watch(topic)
    web = installation.web()
    kafka.produce(topic, [b'{"n": 0}'])
    with Proxy(f"127.0.0.1:{web.port}") as proxy:
        person = await visitors.new(f"http://{proxy.address}")
        await person.context.add_init_script(STANDS_STILL)
        board = await person.board(topic)
        await expect(board.locator(".row[data-kind=record]")).to_have_count(1)
        proxy.freeze()
        total = 3_000  # x 8 KB = 24 MB: more than may be on the way, and more than the server's log keeps
        kafka.produce(topic, (b'{"n": %d, "filling": "%s"}' % (n, b"x" * 8_000) for n in range(1, total)))
        cookies = {SESSION_COOKIE: session_of(USERS[0])}
        async with httpx.AsyncClient(base_url=web.url, cookies=cookies, timeout=30) as other:

            async def all_read() -> bool:
                return "0: 0 – 3\u202f000<" in (await other.get(f"/topics/?fragment=1&search={topic}")).text

            await until(all_read, "the server has read everything", 60)
        proxy.mend()
        root = board.locator("#board")
        await expect(root).to_have_attribute("data-position", f"0:{total}", timeout=60_000)
        gap = board.locator(".row[data-kind=gap][data-reason=slow]").first  # others may have been passed over
        await expect(gap).to_contain_text("slow connection")
        received = int(await root.get_attribute("data-received") or 0)
        missing = int(await root.get_attribute("data-missing") or 0)
        assert received + missing == total

        await gap.get_by_role("button", name="Load").click()
        await expect(root).not_to_have_attribute("data-loaded", "0")
        shown = await places(board)
        assert len(shown) == len(set(shown))
        offsets = [int(place.partition(":")[2]) for place in shown]
        assert offsets == sorted(offsets, reverse=True)


AVRO = '{"type": "record", "name": "shop.Order", "fields": [{"name": "n", "type": "long"}]}'


async def test_a_decoded_record_shows_its_format_schema_and_bytes(visitors: Visitors, install: Install) -> None:
    installation = install()
    installation.watch(TOPIC, "Odd records")
    installation.query(
        f"UPDATE streams_topic SET value_format = 'avro', value_schema = '{AVRO}', formats_version = '1'"
    )
    web = installation.web()  # knows the format from the beginning: it looks for changes every 2 s
    kafka = producer(web)
    visitor = await visitors.new(web)
    board = await visitor.board(TOPIC)
    kafka.produce(TOPIC, b"\x0e", key=b"good", partition=0)
    kafka.produce(TOPIC, b"\x0e\x01\x02", key=b"bad", partition=0)
    assert kafka.flush(20) == 0
    good, bad = (board.locator(f".row[data-offset='{offset}']") for offset in (0, 1))
    await expect(good).to_contain_text("n: 7")
    await expect(bad).to_be_visible()  # a row that is selected holds the view: what comes later is not drawn
    await good.click()
    detail = board.locator("[data-part=detail]")
    await expect(detail).to_contain_text("avro")
    await detail.get_by_role("button", name="Open the schema shop.Order").click()
    await expect(detail.get_by_role("region", name="Schema of the value")).to_contain_text('"name": "shop.Order"')
    await detail.get_by_role("button", name="Show").click()
    await expect(detail.get_by_role("region", name="Bytes")).to_contain_text("0000  0e")
    await bad.click()
    await expect(detail).to_contain_text("2 bytes are left over")
    choice = detail.get_by_role("combobox", name="Read the value of this record as")
    await choice.select_option("hex")
    await expect(detail.get_by_role("region", name="The value as hex")).to_have_text("0e0102")
    await choice.select_option("int32")
    await expect(detail).to_contain_text("A value of the format int32 has 4 bytes; this one has 3.")
