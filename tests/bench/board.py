"""Row `board`: a board of eight tiles in Chromium while 2,000 records a second arrive: frames, input delay, memory.

`make bench ROWS="board --minutes 60"` is the hour's run; a minute shows what a change did.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import threading
import time
from itertools import cycle
from pathlib import Path
from typing import Any

import httpx
from confluent_kafka import Producer
from playwright.sync_api import Page, sync_playwright

from tests.bench.measure import ROOT, SERVER_CORE, Series, pin
from tests.bench.run import Line, PeerMissing, Run, log
from tests.support.processes import SESSION_COOKIE, USERS, Installation, Process, make_installation, session_of

RATE = 2_000  # records a second
TOPIC = "realtime-events"
RECORDS = ROOT / "streams/demo/earthquakes.ndjson"
VENDOR = ROOT / "streams/static/vendor/made-of.txt"
MAG, NET = "value.properties.mag", "value.properties.net"
KINDS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("number", {"figure": "count"}),
    ("number", {"figure": "p95", "field": MAG}),
    ("map", {"geojson": "value.geometry", "size": MAG, "colour": NET}),
    ("top", {"field": NET, "limit": 5}),
    ("table", {"by": NET, "columns": [MAG, "value.properties.place"]}),
    ("chart", {"y": MAG, "aggregate": "mean", "split": NET}),
    ("distribution", {"field": MAG}),
    ("stream", {"columns": [MAG, "value.properties.place", NET]}),
)
WARM_S = 10.0  # until the page has its libraries and the window its first records
CLICK_S = 0.5  # between two presses, whose delay is measured
AIMS = "aims: 50 frames/s, 100 ms, heap flat, nothing missing"

# Counts frames, and how long presses wait until the page takes them.
WATCH = """() => {
  globalThis.seen = { frames: 0, since: performance.now(), waits: [], long: [] };
  const step = () => { globalThis.seen.frames += 1; requestAnimationFrame(step); };
  requestAnimationFrame(step);
  addEventListener("pointerdown", (event) => globalThis.seen.waits.push(performance.now() - event.timeStamp), true);
  new PerformanceObserver((list) => globalThis.seen.long.push(...list.getEntries().map((each) => each.duration)))
    .observe({ entryTypes: ["longtask"] });
}"""
READ = """() => {
  const { frames, since, waits, long } = globalThis.seen;
  Object.assign(globalThis.seen, { frames: 0, since: performance.now(), waits: [], long: [] });
  return { frames: 1000 * frames / (performance.now() - since), waits, long };
}"""
HEAP = "() => performance.memory.usedJSHeapSize / 1048576"


class Flood:
    """Produces RATE records a second into the embedded broker, from a thread, until it is ended."""

    def __init__(self, address: str) -> None:
        self.sent = 0
        self._producer = Producer({"bootstrap.servers": address, "linger.ms": 20, "log_level": 0})
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        lines = cycle([(json.loads(line)["id"].encode(), line) for line in RECORDS.read_bytes().splitlines()])
        began = time.monotonic()
        while not self._ended.wait(0.01):
            while self.sent < (time.monotonic() - began) * RATE:
                key, value = next(lines)
                self._producer.produce(TOPIC, value, key=key)
                self.sent += 1
            self._producer.poll(0)

    def end(self) -> None:
        self._ended.set()
        self._thread.join()
        self._producer.flush(30)


def board(run: Run) -> list[Line]:
    """For `run.minutes`, looked at every tenth of it."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        raise PeerMissing("Chromium is not installed (on Debian: apt install chromium)")
    if not VENDOR.is_file():
        raise PeerMissing("charts and maps lack their libraries (make assets)")
    folder = Path(run.folder, "board")
    folder.mkdir()
    installation = make_installation(folder, None, {})
    installation.watch(TOPIC)
    web = installation.web()
    pin(web.pid, SERVER_CORE)
    try:
        with sync_playwright() as playwright:
            flags = ["--no-sandbox", "--enable-precise-memory-info"]
            browser = playwright.chromium.launch(executable_path=chromium, args=flags)
            context = browser.new_context(viewport={"width": 1280, "height": 1000})
            context.add_cookies([{"name": SESSION_COOKIE, "value": session_of(USERS[0]), "url": web.url}])
            page = context.new_page()
            page.goto(web.url + _made(installation, web))
            page.wait_for_selector("#board[data-state=live]", timeout=60_000)
            return _watched(run, page, web)
    finally:
        installation.close()


def _made(installation: Installation, web: Process) -> str:
    tiles = [
        {"id": f"{kind}-{place}", "kind": kind, "title": kind, "topic": TOPIC, "options": options,
         "x": 3 * (place % 4), "y": 8 * (place // 4), "w": 3, "h": 8}
        for place, (kind, options) in enumerate(KINDS)
    ]  # fmt: skip
    headers = {"Authorization": f"Bearer {installation.token}"}
    definition = {"name": "Bench", "tiles": tiles, "window": {"last_seconds": 60}}
    made = httpx.post(f"{web.url}/api/boards/", json=definition, headers=headers, timeout=30).raise_for_status()
    return f"/boards/{made.json()['slug']}/"


def _watched(run: Run, page: Page, web: Process) -> list[Line]:
    flood = Flood(web.broker())
    frames, delays, heaps, whole = Series(), Series(), Series(), Series()
    longest = 0.0
    try:
        page.wait_for_timeout(WARM_S * 1_000)
        page.evaluate(WATCH)
        for _ in range(10):
            until = time.monotonic() + run.minutes * 60 / 10
            while time.monotonic() < until:
                page.mouse.click(640, 12)
                page.wait_for_timeout(CLICK_S * 1_000)
            seen = page.evaluate(READ)
            frames.values.append(seen["frames"])
            delays.values.append(max(seen["waits"], default=0.0))
            longest = max([longest, *seen["long"]])
            heaps.values.append(page.evaluate(HEAP))
            whole.values.append(renderers_mib())
            log(f"  {frames.values[-1]:.0f} frames/s, {delays.values[-1]:.0f} ms, {heaps.values[-1]:.1f} MiB")
    finally:
        flood.end()
    basis = json.loads(page.get_attribute('[data-tile="number-0"]', "data-basis") or "{}")
    jumps = page.get_attribute("#board", "data-jumps")
    note = f"{flood.sent} records sent; {basis['missing']} missing, {basis['late']} late, {jumps} jumps; {AIMS}"
    return [
        Line(f"board: frames, {RATE} records/s", frames, "frames/s", note=note, form="{:.0f}"),
        Line("board: the longest wait of a press", delays, "ms", note=f"longest task {longest:.0f} ms", form="{:.0f}"),
        Line("board: heap of the page", heaps, "MiB", note=_grown(heaps), form="{:.1f}"),
        Line("board: memory of page and worker", whole, "MiB", note=_grown(whole), form="{:.0f}"),
    ]


def renderers_mib() -> float:
    """The resident memory of the renderers that this process's Chromium has; a worker has no figure of its own."""
    found = 0.0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if b"--type=renderer" in (folder / "cmdline").read_bytes() and _is_ours(int(folder.name)):
                status = (folder / "status").read_text()
                found += int(re.findall(r"VmRSS:\s+(\d+)", status)[0]) / 1024
        except (OSError, IndexError):
            continue  # it ended meanwhile
    return found


def _is_ours(pid: int) -> bool:
    while pid > 1 and pid != os.getpid():
        pid = int(re.findall(r"PPid:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[0])
    return pid == os.getpid()


def _grown(series: Series) -> str:
    return f"first {series.values[0]:.1f}, last {series.values[-1]:.1f}" if series.values else "not to be had"
