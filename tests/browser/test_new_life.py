"""A topic deleted and made anew in a real Kafka while a board is open."""

from __future__ import annotations

from playwright.async_api import expect

from tests.browser.conftest import Visitors, live
from tests.conftest import Install
from tests.support.services import Kafka

SEEN_MS = 60_000  # until the server has looked at Kafka's topics again


async def test_a_topic_made_anew_goes_on_with_its_new_life_and_the_board_says_so(
    visitors: Visitors, install: Install, kafka: Kafka
) -> None:
    topic = kafka.create_topic(partitions=1)
    kafka.produce(topic, [b'{"life": "old", "n": %d}' % n for n in range(5)])
    installation = install(KAFKA_BOOTSTRAP_SERVERS=kafka.address)
    installation.manage("addtopic", topic)
    board = await (await visitors.new(installation.web())).board(topic)
    root, records = board.locator("#board"), board.locator(".row[data-kind=record]")
    await expect(records).to_have_count(5)
    epoch = await root.get_attribute("data-epoch")

    kafka.delete_topic(topic)
    kafka.create_topic(topic, partitions=1)
    kafka.produce(topic, [b'{"life": "new", "n": 0}', b'{"life": "new", "n": 1}'])

    await expect(records).to_have_count(7, timeout=SEEN_MS)
    await live(board)
    await expect(root).not_to_have_attribute("data-epoch", epoch or "")
    await expect(root).to_have_attribute("data-position", "0:2")  # offsets begin again: not duplicates of the old ones
    await expect(root).to_have_attribute("data-duplicates", "0")
    await expect(board.locator(".row[data-kind=note]")).to_contain_text("began a new life")
    order = await board.locator(".row").evaluate_all(
        "rows => rows.map(row => row.dataset.kind === 'note' ? 'note' : /new/.test(row.textContent) ? 'new' : 'old')"
    )
    assert order == ["new", "new", "note", *["old"] * 5]
    kafka.produce(topic, [b'{"life": "new", "n": 2}'])
    await expect(records).to_have_count(8)
