"""Take the pictures of the dashboard that the documentation shows, in both themes.

    python tools/screenshots.py [NAME …]

A hub of its own serves the page, publishes what a small system would, and has a client that does not read.
Beside the pictures stands of which files they were taken, so that a test says when they are of others.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import http.client
import json
import random
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import uvicorn
from playwright.sync_api import Browser, Page, sync_playwright

from gapless import ChannelOptions, Hub, HubApp
from gapless.demo.worker import Worker

ROOT = Path(__file__).parent.parent
IMAGES = ROOT / "docs" / "img"
RECORD = IMAGES / "dashboard.json"
CHROMIUM = "/usr/bin/chromium"
SIZE = {"width": 1280, "height": 760}
NAMES = ("live", "board", "clients", "channels", "server")
KEPT = ChannelOptions(history=100_000, history_bytes=64 * 1024 * 1024)


def parts(name: str) -> list[Path]:
    """The files of the page that decide how one of its pages looks: its own, and those of the list and the frame."""
    static = ROOT / "src" / "gapless" / "dashboard" / "static"
    own = {
        "live": ["pages/live.js", "pages/live-around.js", "log/*.js", "ui/detail.js", "ui/facets.js", "ui/querybox.js"],
        "board": ["pages/board.js", "board/*.js"],
        "clients": ["pages/clients.js", "ui/table.js", "ui/pane.js", "ui/pager.js"],
        "channels": ["pages/channels.js", "pages/channel-drawer.js", "ui/table.js", "ui/pane.js", "ui/pager.js"],
        "server": ["pages/server.js", "pages/server-notices.js", "ui/pane.js"],
    }[name]
    patterns = ["index.html", "css/*.css", "ui/shell.js", *own]
    return sorted(path for pattern in patterns for path in static.glob(pattern))


def digest(name: str) -> str:
    """What these files hold, without the spaces that lines begin and end with."""
    summed = hashlib.sha256()
    for path in parts(name):
        lines = (line.strip() for line in path.read_text("utf-8").splitlines())
        summed.update("\n".join(line for line in lines if line and not line.startswith(("//", "*", "/*"))).encode())
    return summed.hexdigest()[:16]


def iso(moment: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment)) + f".{int(moment * 1000) % 1000:03d}Z"


def record(chance: random.Random, moment: float) -> dict[str, Any]:
    """One line of a small shop."""
    kind = chance.choices(["http", "db", "worker", "payments"], [6, 2, 3, 1])[0]
    order, took = chance.randrange(10_000, 99_999), int(chance.expovariate(1 / 60)) + 2
    level = chance.choices(["debug", "info", "warning", "error"], [3, 14, 2, 1])[0]
    message = {
        "http": f"GET /orders/{order} {500 if level == 'error' else 200}",
        "db": "pool exhausted" if level == "error" else f"select orders where id = {order}",
        "worker": f"job invoice:{order} \x1b[32mdone\x1b[0m",
        "payments": f"charge of order {order} confirmed",
    }[kind]
    line: dict[str, Any] = {"time": iso(moment), "level": level, "logger": f"app.{kind}", "message": message}
    line["source"] = chance.choice(["web-1", "web-2", "worker-1"])
    line["fields"] = {"ms": took, "request_id": f"{chance.randrange(1 << 32):08x}", "order": order}
    if level == "error":
        text = f'Traceback (most recent call last):\n  File "app/{kind}.py", line 41, in handle\nTimeoutError: no answer'
        line["exception"] = {"type": "TimeoutError", "message": "no answer", "text": text}
    return line


class Stage:
    """A hub that serves, in a thread of its own."""

    def __init__(self) -> None:
        self.hub = Hub(channels={"*": KEPT})
        self.listener = socket.create_server(("127.0.0.1", 0))
        protocol = "gapless.transports.uvicorn:WebSocketProtocol"
        app = HubApp(self.hub, open_api=True)
        self.server = uvicorn.Server(uvicorn.Config(app, ws=protocol, log_config=None))
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.stop = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}/"

    def _serve(self) -> None:
        asyncio.run(self.server.serve(sockets=[self.listener]))

    def __enter__(self) -> Stage:
        self.thread.start()
        while not self.hub.running:
            time.sleep(0.02)
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop.set()
        self.server.should_exit = True
        self.thread.join(10)

    def shop(self) -> None:
        """A quarter of an hour of lines."""
        chance, now = random.Random(7), time.time()
        for at in range(1800):
            self.hub.publish("shop:logs", record(chance, now - 900 + at / 2))
            if at % 60 == 0:
                data = {"name": f"invoice batch {at // 60}", "orders": chance.randrange(5, 90)}
                self.hub.publish(
                    "shop:events", {"type": "batch_done", "time": iso(now - 900 + at / 2), "data": data}
                )

    def work(self) -> None:
        """A worker that documents a part of this package, until the stage ends."""

        def publish(channel: str, data: object) -> None:
            self.hub.publish(channel, data)

        worker = Worker(ROOT / "src" / "gapless" / "feeds", publish, interval=0.15, pause=45)
        threading.Thread(target=worker.run, args=(self.stop,), daemon=True).start()

    def flood(self) -> None:
        """More than those who read slowly can take at once."""
        chance = random.Random(11)
        for _ in range(12):
            for _ in range(500):
                self.hub.publish("shop:logs", record(chance, time.time()))
            time.sleep(0.1)

    def trickle(self) -> None:
        """A quarter of a minute of what comes on an ordinary day, sometimes more and sometimes less."""
        chance = random.Random(13)
        for _ in range(60):
            for _ in range(chance.randrange(2, 14)):
                self.hub.publish("shop:logs", record(chance, time.time()))
            self.hub.publish("shop:stats", {"orders": chance.randrange(100)})
            time.sleep(0.25)

    def upset(self) -> None:
        """Feeders come, one of which has dropped something, and a call is refused."""
        chance = random.Random(5)
        for source in ("web-1", "web-2", "worker-1"):
            rows = [record(chance, time.time()) | {"source": source} for _ in range(40)]
            self._post("/ingest/shop:logs", "\n".join(map(json.dumps, rows)))
        self._post("/ingest/shop:logs", json.dumps({"kind": "feeder_gap", "count": 12, "source": "worker-1"}))
        self._post("/api/publish", "no JSON")

    def _post(self, path: str, body: str) -> None:
        kind = "application/x-ndjson" if path.startswith("/ingest") else "application/json"
        connection = http.client.HTTPConnection(*self.listener.getsockname())
        connection.request("POST", path, body, {"Content-Type": kind})
        connection.getresponse().read()
        connection.close()

    @contextlib.contextmanager
    def crowd(self) -> Iterator[None]:
        """Clients of the shop; the later ones read more and more slowly."""
        left = threading.Event()
        for at, channel in enumerate(("shop:events", "shop:logs", "shop:logs", "shop:logs")):
            reading = threading.Thread(target=self._read, args=(channel, at * 0.02, left), daemon=True)
            reading.start()
        time.sleep(1)
        yield
        left.set()

    def _read(self, channel: str, pause: float, left: threading.Event) -> None:
        with socket.socket() as connection:
            if pause:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8_192)
            connection.connect(self.listener.getsockname())
            connection.sendall(
                f"GET /ws?channel={channel}&history=0&batch=1 HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
            )
            while connection.recv(4_096) and not left.wait(pause):
                pass


def take(page: Page, stage: Stage, name: str) -> None:
    """Open one page, and do what shows it best."""
    page.goto(f"{stage.url}#/{name}" + ("?ch=shop:logs&ch=shop:events" if name == "live" else ""))
    if name == "live":
        page.wait_for_selector(".row")
        page.fill("#query", "level>=warning OR ms>150")
        page.wait_for_timeout(800)
        page.locator(".row:visible .exception").last.click()
        page.wait_for_selector(".detail")
    elif name == "board":
        page.wait_for_selector(".tile-number")
        page.wait_for_selector(".feed li")
        page.wait_for_timeout(2_500)
    elif name == "clients":
        page.wait_for_selector("tbody tr")
        stage.flood()
        page.wait_for_timeout(1_000)
    elif name == "channels":
        page.wait_for_selector("tbody tr")
        stage.trickle()
        page.locator("tbody tr").first.click()
        page.wait_for_selector(".drawer .context li .level-mark")
        page.mouse.move(0, 0)
    else:
        page.wait_for_selector(".numbers")
        stage.upset()
        page.wait_for_selector(".notices li")
        page.wait_for_timeout(2_500)
    page.wait_for_timeout(600)


def main(names: list[str]) -> None:
    """Take them all, or those that are named."""
    with Stage() as stage, sync_playwright() as playwright:
        stage.shop()
        browser: Browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        for name in names or NAMES:
            if name == "board":
                stage.work()
            with stage.crowd() if name in ("clients", "channels") else contextlib.nullcontext():
                for theme in ("light", "dark"):
                    context = browser.new_context(
                        viewport=SIZE, color_scheme=theme, timezone_id="Europe/Berlin"
                    )
                    page = context.new_page()
                    take(page, stage, name)
                    path = IMAGES / f"dashboard-{name}-{theme}.png"
                    page.screenshot(path=path)
                    print(path.relative_to(ROOT))
                    context.close()
        browser.close()
    taken = json.loads(RECORD.read_text("utf-8")) if RECORD.exists() else {}
    taken |= {name: digest(name) for name in names or NAMES}
    RECORD.write_text(json.dumps(taken, indent=1, sort_keys=True) + "\n", "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
