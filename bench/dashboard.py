# ruff: noqa: E501 - what runs in the page is wider than what runs here
"""The page's budget: what following, filtering, finding and holding many rows cost in a real Chromium.

    python -m bench.dashboard [--quick]

A server of its own publishes at a fixed rate; the page measures itself from within, so that nothing of the
browser's tools is switched on while it does: they would report every frame and distort what is measured.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from statistics import median
from typing import IO, Any

import uvicorn

from gapless import ChannelOptions, Hub, HubApp

SLICE_SECONDS = 0.02
VISITS = 7
KEPT = 400_000
CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--enable-precise-memory-info",
]

RECORD = """() => {
  const frames = [], tasks = [], lags = [], arrivals = [];
  let last = 0, on = true;
  const frame = (now) => { if (last) frames.push(now - last); last = now; on && requestAnimationFrame(frame); };
  requestAnimationFrame(frame);
  const observer = new PerformanceObserver((list) => list.getEntries().forEach((each) => tasks.push(each.duration)));
  observer.observe({ entryTypes: ["longtask"] });
  const { list, store, follow, feed } = bench.live.panel;
  const [before, beforeFeed] = [list.onPaint, feed.onChange];
  const note = (where) => {
    const segment = store.segments.at(-1);
    if (follow.following && segment) where.push(Date.now() - segment.time[segment.count - 1]);
  };
  list.onPaint = () => (before(), note(lags));
  feed.onChange = () => (beforeFeed(), note(arrivals));
  const at = (numbers, share) => numbers.sort((a, b) => a - b)[Math.min(numbers.length - 1, Math.floor(numbers.length * share))] ?? 0;
  bench.stop = () => {
    on = false;
    observer.disconnect();
    list.onPaint = before;
    feed.onChange = beforeFeed;
    const seconds = frames.reduce((sum, each) => sum + each, 0) / 1000;
    return { fps: frames.length / seconds, p95: at(frames, 0.95), p99: at(frames, 0.99), longest: Math.max(0, ...tasks),
             lag: at(lags, 0.95), arrival: at(arrivals, 0.95), paints: lags.length / seconds };
  };
}"""

FILTER = """async (query) => {
  const { view } = bench.live.panel;
  const began = performance.now();
  bench.live.box.setFilter(query);
  const first = performance.now() - began;
  while (view.progress < 1) await new Promise((resolve) => setTimeout(resolve));
  return { first, all: performance.now() - began, rows: view.rows };
}"""

FIND = """async (text) => {
  const { hits } = bench.live.panel;
  const began = performance.now();
  bench.live.panel.asking.setFind(text);
  while (hits.progress < 1) await new Promise((resolve) => setTimeout(resolve));
  const took = performance.now() - began;
  bench.live.panel.asking.setFind("");
  return took;
}"""

FILL = """async (rows) => {
  const { store } = bench.live.panel;
  store.maxRows = rows;
  store.maxBytes = 1024 ** 3;
  const shape = (await import(bench.files + "log/shape.js")).toShape;
  for (let number = store.size; number < rows; number += 1) {
    const time = Date.now();
    const data = { time: new Date(time).toISOString(), level: "info", logger: `app.part${number % 20}`, message: `request ${number} was answered in ${number % 900} ms by the backend`, fields: { request_id: number.toString(16), ms: number % 900, path: "/orders" } };
    store.append({ channel: "logs", epoch: "fill", offset: null, time, shape: shape(data) });
    if (number % 20_000 === 0) await new Promise((resolve) => setTimeout(resolve));
  }
}"""

LOAD = """() => {
  const [page] = performance.getEntriesByType("navigation");
  const files = performance.getEntriesByType("resource").filter(({ name }) => name.includes("/static/"));
  const first = files.filter(({ startTime }) => startTime < bench.shown);
  return { kilobytes: [page, ...first].reduce((sum, each) => sum + each.encodedBodySize, 0) / 1024, requests: first.length + 1 };
}"""

SHOWN = """addEventListener("DOMContentLoaded", () => {
  window.bench = { shown: Infinity };
  new MutationObserver((_, observer) => {
    if (!document.querySelector(".row")) return;
    bench.shown = performance.now();
    observer.disconnect();
  }).observe(document, { childList: true, subtree: true });
})"""

JUMP = """async (seconds) => {
  const { panel } = bench.live;
  const until = performance.now() + seconds * 1000;
  while (performance.now() < until) {
    panel.follow.pause("reading");
    panel.list.reveal(Math.floor(Math.random() * panel.view.length));
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  panel.follow.resume();
}"""


@dataclass
class Gate:
    """One figure, and what it may be at most or must be at least."""

    name: str
    value: float
    bound: float
    at_least: bool = False
    unit: str = "ms"

    @property
    def passed(self) -> bool:
        return self.value >= self.bound if self.at_least else self.value <= self.bound

    def line(self) -> str:
        sign, mark = ("≥" if self.at_least else "≤"), ("ok  " if self.passed else "MISS")
        return f"{mark} {self.name:<58} {self.value:>10.1f} {self.unit:<6} {sign} {self.bound:g}"


@cache
def second(number: int) -> str:
    """As it is written. Once for each: it would take as long as publishing the record."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(number))


def record(number: int) -> dict[str, Any]:
    now = time.time()
    return {
        "time": f"{second(int(now))}.{int(now * 1000) % 1000:03d}Z",
        "level": ("info", "debug", "info", "warning", "info", "error")[number % 6],
        "logger": f"app.part{number % 20}",
        "message": f"request {number} was answered in {number % 900} ms by the backend in the next room",
        "source": f"web-{number % 4}",
        "fields": {"request_id": f"{number:08x}", "ms": number % 900, "path": "/orders/checkout"},
    }


async def serve(port: int) -> None:
    """Publish what the lines of stdin ask for: a rate, and for how many seconds."""
    hub = Hub(channels={"logs": ChannelOptions(history=KEPT, history_bytes=256 * 1024**2)})
    app = HubApp(hub, open_api=True)
    config = uvicorn.Config(
        app, port=port, ws="gapless.transports.uvicorn:WebSocketProtocol", log_config=None
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    number = 0
    while not serving.done():
        line = await asyncio.to_thread(sys.stdin.readline)
        if not line:
            server.should_exit = True
            break
        rate, seconds = (float(part) for part in line.split())
        began, target = time.perf_counter(), number + int(rate * seconds)
        while number < target:
            due = min(target, number + max(1, int(rate * SLICE_SECONDS)))
            for each in range(number, due):
                hub.publish("logs", record(each))
            number = due
            left = began + (number - target + rate * seconds) / rate - time.perf_counter()
            await asyncio.sleep(max(0, left))
        print(number, flush=True)
    await serving


@contextlib.contextmanager
def publisher() -> Iterator[tuple[str, IO[str], IO[str]]]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "bench.dashboard", "--serve", str(port)]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/", child.stdin, child.stdout
    finally:
        child.stdin.close()
        child.wait(30)


def cpu_seconds(pid: int) -> float:
    """Of a process and all its children, so far."""
    ticks = os.sysconf("SC_CLK_TCK")
    parents: dict[int, int] = {}
    spent: dict[int, float] = {}
    for name in os.listdir("/proc"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            fields = open(f"/proc/{int(name)}/stat").read().rsplit(")", 1)[1].split()  # noqa: SIM115
            parents[int(name)] = int(fields[1])
            spent[int(name)] = (int(fields[11]) + int(fields[12])) / ticks

    def belongs(each: int) -> bool:
        while each and each != pid:
            each = parents.get(each, 0)
        return each == pid

    return sum(seconds for each, seconds in spent.items() if belongs(each))


def measure(quick: bool) -> list[Gate]:
    from playwright.sync_api import sync_playwright

    gates: list[Gate] = []
    with publisher() as (base, stdin, stdout), sync_playwright() as playwright:

        def publish(rate: int, seconds: int) -> int:
            stdin.write(f"{rate} {seconds}\n")
            stdin.flush()
            return rate * seconds

        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        publish(100, 1)
        stdout.readline()
        rest()
        shown = []
        for _ in range(VISITS):
            page = visit(browser, base)
            loaded = page.evaluate(LOAD)
            shown.append(float(page.evaluate("bench.shown")))
            if len(shown) < VISITS:
                page.context.close()
        gates.append(
            Gate("first load, until the first line is shown: size", loaded["kilobytes"], 60, unit="KB")
        )
        gates.append(Gate("first load: requests", loaded["requests"], 25, unit=""))
        gates.append(Gate(f"first load: until the first line, half of {VISITS}", median(shown), 300))
        print(f"     first line: {' '.join(f'{each:.0f}' for each in sorted(shown))} ms", flush=True)
        page.evaluate(
            """async (base) => {
              const module = document.querySelector('script[type="module"]').src;
              window.bench = (await import(module)).app;
              bench.base = module.replace(/static\\/.*$/, "");
              bench.files = module.replace(/app\\.js$/, "");
            }""",
            base,
        )
        page.evaluate("bench.live.box.setFilter('/request \\\\d+ was/ level>=debug')")
        heap = page.context.new_cdp_session(page)

        def follow(name: str, rate: int, seconds: int, gate: dict[str, float]) -> None:
            before = page.evaluate("bench.live.panel.feed.received")
            spent = cpu_seconds(os.getpid())
            page.evaluate(RECORD)
            sent = publish(rate, seconds)
            stdout.readline()
            page.wait_for_timeout(300)
            seen = page.evaluate("bench.stop()")
            spent = cpu_seconds(os.getpid()) - spent
            page.wait_for_function(
                "([before, sent]) => bench.live.panel.feed.received >= before + sent", arg=[before, sent]
            )
            gates.append(
                Gate(f"{name}: frames a second", seen["fps"], gate["fps"], at_least=True, unit="fps")
            )
            gates.append(Gate(f"{name}: frame, 95 of 100", seen["p95"], gate["p95"]))
            gates.append(Gate(f"{name}: frame, 99 of 100", seen["p99"], gate["p99"]))
            gates.append(Gate(f"{name}: longest task", seen["longest"], gate["task"]))
            gates.append(Gate(f"{name}: from publish to paint, 95 of 100", seen["lag"], gate["lag"]))
            print(
                f"     {name}: cpu of server and browser {100 * spent / seconds:.0f} % of a core; from publish to"
                f" row, 95 of 100: {seen['arrival']} ms; {seen['paints']:.0f} paints/s",
                flush=True,
            )

        follow(
            "5,000 rows/s",
            5_000,
            8 if quick else 30,
            {"fps": 57, "p95": 18, "p99": 34, "task": 100, "lag": 100},
        )
        follow(
            "20,000 rows/s",
            20_000,
            5 if quick else 10,
            {"fps": 55, "p95": 18, "p99": 50, "task": 100, "lag": 250},
        )
        complete = page.evaluate("bench.completeness.kind === 'whole'")
        gates.append(Gate("every row received, none twice", float(complete), 1, at_least=True, unit=""))
        page.evaluate("bench.live.box.setFilter('')")
        page.evaluate(FILL, 200_000)
        heap.send("HeapProfiler.collectGarbage")
        used = page.evaluate("performance.memory.usedJSHeapSize") / 2**20
        gates.append(Gate("heap with 200,000 rows", used, 80, unit="MiB"))
        words = page.evaluate(FILTER, "answered -level:error 77")
        gates.append(Gate("filter over 200,000 rows: first screen", words["first"], 100))
        gates.append(Gate("filter over 200,000 rows: complete", words["all"], 400))
        fields = page.evaluate(FILTER, "ms>500 level>=warning")
        gates.append(Gate("filter by a field over 200,000 rows: complete", fields["all"], 1_500))
        page.evaluate("bench.live.box.setFilter('')")
        rows = 400_000 if quick else 1_000_000
        page.evaluate(FILL, rows)
        gates.append(
            Gate(f"find over {rows:,} rows", page.evaluate(FIND, "part7 99"), 1_500 * rows / 1_000_000)
        )
        heap.send("HeapProfiler.collectGarbage")
        used = page.evaluate("performance.memory.usedJSHeapSize") / 2**20
        gates.append(Gate(f"heap with {rows:,} rows", used, 320 * rows / 1_000_000, unit="MiB"))
        page.evaluate(RECORD)
        publish(5_000, 5)
        page.evaluate(JUMP, 5)
        stdout.readline()
        seen = page.evaluate("bench.stop()")
        gates.append(Gate(f"jumping in {rows:,} rows: frame, 95 of 100", seen["p95"], 18))
        gates.append(Gate(f"jumping in {rows:,} rows: frame, 99 of 100", seen["p99"], 34))
        gates.append(leak(page, heap, publish, stdout, 60 if quick else 600))
        browser.close()
    return gates


def rest() -> None:
    """Wait for the browser to come up: it begins with pages of its own, and a visitor's has done so long ago."""
    for _ in range(30):
        spent = cpu_seconds(os.getpid())
        time.sleep(0.5)
        if cpu_seconds(os.getpid()) - spent < 0.05:
            return


def visit(browser: Any, base: str) -> Any:
    """The page once its first line is shown, in a browser that has nothing of it yet."""
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.add_init_script(SHOWN)
    page.goto(base)
    page.wait_for_function("() => window.bench?.shown < Infinity")
    return page


def leak(page: Any, heap: Any, publish: Any, stdout: IO[str], seconds: int) -> Gate:
    """How much the heap grows while rows come and go, from when the store is full on."""
    page.evaluate("() => { const { store } = bench.live.panel; store.maxRows = 20_000; store.trim(); }")

    def used() -> float:
        heap.send("HeapProfiler.collectGarbage")
        return float(page.evaluate("performance.memory.usedJSHeapSize")) / 2**20

    publish(2_000, seconds * 3 // 10)
    stdout.readline()
    before = used()
    publish(2_000, seconds * 7 // 10)
    stdout.readline()
    growth = 100 * (used() - before) / before
    return Gate(f"growth of the heap in {seconds} s at 2,000 rows/s", growth, 15, unit="%")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a minute instead of three")
    parser.add_argument("--serve", type=int, metavar="PORT", help=argparse.SUPPRESS)
    parser.add_argument("--json", metavar="FILE", help="write the figures there, too")
    arguments = parser.parse_args()
    if arguments.serve is not None:
        asyncio.run(serve(arguments.serve))
        return
    gates = measure(arguments.quick)
    for gate in gates:
        print(gate.line())
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump([vars(gate) | {"passed": gate.passed} for gate in gates], file, indent=1)
    missed = [gate for gate in gates if not gate.passed]
    sys.exit(f"{len(missed)} of {len(gates)} gates missed" if missed else 0)


if __name__ == "__main__":
    main()
