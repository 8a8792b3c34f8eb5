"""Firefox, driven by its own WebDriver BiDi: as much of it as the tests of the page need."""

from __future__ import annotations

import contextlib
import itertools
import json
import queue
import re
import subprocess
import threading
import time
from pathlib import Path
from typing import Any, Self

from websockets.sync.client import connect

from .until import DEADLINE

FIREFOX = Path("/usr/bin/firefox-esr")
LISTENING = re.compile(rb"WebDriver BiDi listening on (ws://\S+)")
POLL_SECONDS = 0.05
START_SECONDS = 120.0
"""A browser that is new to its profile is ready after five seconds, or a minute where others compute."""

PREFERENCES = {
    "app.normandy.enabled": False,
    "app.update.enabled": False,
    "browser.newtabpage.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.page": 0,
    "datareporting.policy.dataSubmissionEnabled": False,
    "dom.ipc.processCount": 1,
    "extensions.getAddons.cache.enabled": False,
    "messaging-system.rsexperimentloader.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "data:,#none",
    "toolkit.telemetry.enabled": False,
}
"""It asks nobody but the page's server for anything."""

KEYS = {
    "Control": "\ue009",
    "Shift": "\ue008",
    "Escape": "\ue00c",
    "Enter": "\ue007",
    "End": "\ue010",
    "Space": " ",
}
"""Names of keys, as WebDriver writes them."""


STANDING = """async (selector) => {
  const where = () => {
    const { x, y, width, height } = document.querySelector(selector).getBoundingClientRect();
    return [x + width / 2, y + height / 2].map(Math.round);
  };
  for (let before = null, now = where(); ; now = where()) {
    if (String(before) === String(now)) return now;
    before = now;
    for (let frame = 0; frame < 3; frame += 1) await new Promise(requestAnimationFrame);
  }
}"""
"""The middle of an element, as soon as it stands still: what a click opened may push it aside."""


class Refused(Exception):
    """What the browser answered to a command that it did not carry out."""


class Firefox:
    """A browser with a fresh profile, while it is entered."""

    def __init__(self, profile: Path) -> None:
        lines = [
            f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in PREFERENCES.items()
        ]
        (profile / "user.js").write_text("\n".join(lines))
        how = ["--headless", "--remote-debugging-port=0", "--no-remote"]
        command = [str(FIREFOX), *how, "--profile", str(profile)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self._ids = itertools.count(1)

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as opened:
            opened.callback(self._end)
            way = connect(f"{self._address()}/session", max_size=None, open_timeout=START_SECONDS)
            self._socket = opened.enter_context(way)
            self.call("session.new", START_SECONDS, capabilities={})
            self.call("session.subscribe", events=["log.entryAdded"])
            self._opened = opened.pop_all()
        return self

    def __exit__(self, *exc: object) -> None:
        self._opened.close()

    def _end(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _address(self) -> str:
        """Where it listens; what else it says is read on, so that it never waits for a reader."""
        found: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()

        def read() -> None:
            assert self._process.stderr is not None
            with self._process.stderr as said:
                for line in said:
                    if match := LISTENING.search(line):
                        found.put(match[1])
            found.put(None)

        threading.Thread(target=read, name="firefox says", daemon=True).start()
        address = found.get(timeout=START_SECONDS)
        assert address is not None, "firefox ended before it listened"
        return address.decode()

    def call(self, method: str, within: float = DEADLINE, /, **params: Any) -> Any:
        """Carry out one command. What scripts wrote to the console meanwhile is put aside for its tab."""
        number = next(self._ids)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            said = json.loads(self._socket.recv(timeout=within))
            if said["type"] == "event":
                Tab.note(said["params"])
            elif said.get("id") == number:
                if said["type"] == "error":
                    raise Refused(f"{method}: {said['error']}: {said['message']}")
                return said["result"]

    def tab(self, width: int = 1100, height: int = 700) -> Tab:
        context = self.call("browsingContext.create", type="tab")["context"]
        tab = Tab(self, context)
        tab.resize(width, height)
        return tab


class Tab:
    """One page."""

    troubles: list[str] = []  # noqa: RUF012 - of all pages: a test that fails says which
    """Errors that scripts threw or wrote to the console."""

    def __init__(self, browser: Firefox, context: str) -> None:
        self._browser = browser
        self._context = context
        Tab.troubles.clear()

    @staticmethod
    def note(entry: dict[str, Any]) -> None:
        if entry.get("level") == "error":
            Tab.troubles.append(str(entry.get("text")))

    def close(self) -> None:
        self._browser.call("browsingContext.close", context=self._context)

    def resize(self, width: int, height: int) -> None:
        size = {"width": width, "height": height}
        self._browser.call("browsingContext.setViewport", context=self._context, viewport=size)

    def goto(self, url: str) -> None:
        self._browser.call("browsingContext.navigate", context=self._context, url=url, wait="complete")

    def evaluate(self, expression: str) -> Any:
        """What an expression gives, or the promise that it is."""
        answer = self._browser.call(
            "script.evaluate",
            expression=f"Promise.resolve({expression}).then((value) => JSON.stringify(value) ?? 'null')",
            target={"context": self._context},
            awaitPromise=True,
        )
        if answer["type"] == "exception":
            raise AssertionError(answer["exceptionDetails"]["text"])
        return json.loads(answer["result"]["value"])

    def expect(self, expression: str, wanted: Any = True) -> None:
        """Wait until an expression gives this."""
        end = time.monotonic() + DEADLINE
        while (found := self.evaluate(expression)) != wanted:
            assert time.monotonic() < end, f"{expression} is {found!r} and not {wanted!r}"
            time.sleep(POLL_SECONDS)

    def click(self, selector: str) -> None:
        """Where it stands, with the mouse."""
        name = json.dumps(selector)
        self.expect(f"document.querySelector({name}) !== null")
        at = self.evaluate(f"({STANDING})({name})")
        moves = [
            {"type": "pointerMove", "x": at[0], "y": at[1]},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        ]
        self._act({"type": "pointer", "id": "mouse", "actions": moves})

    def press(self, *keys: str) -> None:
        """All of them down, and up again in the other order: "Control", "f"."""
        values = [KEYS.get(key, key) for key in keys]
        down = [{"type": "keyDown", "value": value} for value in values]
        up = [{"type": "keyUp", "value": value} for value in reversed(values)]
        self._act({"type": "key", "id": "keyboard", "actions": down + up})

    def type(self, text: str) -> None:
        for letter in text:
            self.press(letter)

    def wheel(self, pixels: int) -> None:
        """Over the middle of the page, downwards."""
        turn = {"type": "scroll", "x": 600, "y": 400, "deltaX": 0, "deltaY": pixels}
        self._act({"type": "wheel", "id": "wheel", "actions": [turn]})

    def _act(self, source: dict[str, Any]) -> None:
        self._browser.call("input.performActions", context=self._context, actions=[source])
