"""Prints the figures by which the house is judged: sizes, circles, starts and loops, and calls across files.

python tools/figures.py             prints all of them
python tools/figures.py NAME ...    prints these: modules, circles, upward, starts, loops, methods,
                                    lines, small, publish, reconnect
python tools/figures.py --source DIR ...   counts another checkout's src/; the traced ones import it

A *call across files* is a call whose caller and callee are functions in different files of gapless, one
directly below the other on the stack. A coroutine counts when it first runs, and not when it goes on.
What an event loop, a server or a library calls has no caller here and does not count.

One *publish* is everything from `hub.publish` to the bytes at one subscriber of the plain protocol on the
fast path, after some that warmed it up. One *reconnect* is a Centrifuge client (JSON, fast path) from
its handshake to the reply of a subscribe that recovers one publication, which nobody has read before.
The least of several is taken: what the hub does by itself once a second must not count. Before the rooms
(6589f53) one publish was 46 calls over 17 files, one reconnect 157 over 39 with 8 pairs both ways.
"""

from __future__ import annotations

import argparse
import ast
import asyncio
import inspect
import json
import socket
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
GENERATED = "client_pb2.py"
SMALL = 60
WARM_UP = 20
ROUNDS = 9
DEADLINE = 20.0


class House:
    """The source of the package, read once."""

    def __init__(self, source: Path) -> None:
        self.package = source / "gapless"
        self.files = sorted(path for path in self.package.rglob("*.py") if path.name != GENERATED)

    def name(self, path: Path) -> str:
        return str(path.relative_to(self.package))

    @cache  # noqa: B019  one house a run
    def tree(self, path: Path) -> ast.Module:
        return ast.parse(path.read_text())

    def outside_core(self) -> Iterator[tuple[Path, ast.AST]]:
        for path in self.files:
            if not self.name(path).startswith("core/"):
                for node in ast.walk(self.tree(path)):
                    yield path, node

    # -- imports

    @cache  # noqa: B019
    def imports(self) -> dict[Path, set[Path]]:
        """Which file imports which, also in functions and for types alone."""
        return {path: set(self._imported(path)) for path in self.files}

    def _imported(self, path: Path) -> Iterator[Path]:
        for node in ast.walk(self.tree(path)):
            if isinstance(node, ast.ImportFrom) and node.level:
                base = path.parents[node.level - 1]
                base = base.joinpath(*node.module.split(".")) if node.module else base
            elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "gapless":
                base = self.package.joinpath(*(node.module or "").split(".")[1:])
            else:
                continue
            for alias in node.names:
                for found in (base / f"{alias.name}.py", base.with_suffix(".py"), base / "__init__.py"):
                    if found in self.files:
                        if found != path:
                            yield found
                        break


def modules(house: House) -> str:
    """Modules at the top level."""
    return str(len(list(house.package.glob("*.py"))))


def circles(house: House) -> str:
    """Groups of files that import each other in circles, those for types alone among them."""
    below = {path: _reached(house.imports(), path) for path in house.files}
    groups = {
        frozenset(other for other in found if path in below[other])
        for path, found in below.items()
        if path in found
    }
    return "; ".join([str(len(groups)), *sorted(" ↔ ".join(sorted(map(house.name, g))) for g in groups)])


def _reached(imports: dict[Path, set[Path]], begin: Path) -> set[Path]:
    """Every file that one comes to by following imports; itself only by way of a circle."""
    found, left = set[Path](), list(imports[begin])
    while left:
        path = left.pop()
        if path not in found:
            found.add(path)
            left.extend(imports[path])
    return found


def upward(house: House) -> str:
    """Imports against the order of the rooms, which tests/test_layers.py knows."""
    if not (house.package / "node").is_dir():
        return "this source has no rooms"
    sys.path.insert(0, str(ROOT))
    from tests.test_layers import ROOMS

    rank = {room: line for line, rooms in enumerate(ROOMS) for room in rooms}

    def room(path: Path) -> str:
        first = path.relative_to(house.package).parts[0].removesuffix(".py")
        return "" if first == "__init__" else first

    wrong = [
        f"{house.name(path)} → {house.name(other)}"
        for path, found in house.imports().items()
        for other in found
        if room(path) != room(other) and rank.get(room(path), -1) <= rank.get(room(other), 99)
    ]
    return "; ".join([str(len(wrong)), *sorted(wrong)])


def starts(house: House) -> str:
    """Files outside core/ that set where a cursor begins: its offset, the head, or `begin`."""
    found = set()
    for path, node in house.outside_core():
        if isinstance(node, ast.Assign):
            targets = [part for target in node.targets for part in getattr(target, "elts", [target])]
            if any(
                isinstance(t, ast.Attribute) and t.attr == "offset" and _is_cursor(t.value) for t in targets
            ):
                found.add(house.name(path))
        elif _calls(node, "stand_at_head", "begin"):
            found.add(house.name(path))
    return "; ".join([str(len(found)), *sorted(found)])


def loops(house: House) -> str:
    """Files outside core/ that read page after page: a cursor takes them in a loop, or enters the ring again."""
    found = {
        house.name(path)
        for path, node in house.outside_core()
        if _calls(node, "reenter")
        or (
            isinstance(node, (ast.While, ast.For, ast.AsyncFor))
            and any(_calls(n, "admit") for n in ast.walk(node))
        )
    }
    return "; ".join([str(len(found)), *sorted(found)])


def _calls(node: ast.AST, *names: str) -> bool:
    """Is it a call of one of these on a cursor?"""
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in names
        and _is_cursor(node.func.value)
    )


def _is_cursor(node: ast.AST) -> bool:
    name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
    return name.strip("_") == "cursor"


def methods(house: House) -> str:
    """Public methods and properties of Session, Hub and Node, those of their own bases among them."""
    classes = {
        node.name: node
        for path in house.files
        for node in ast.walk(house.tree(path))
        if isinstance(node, ast.ClassDef)
    }

    def public(name: str) -> set[str]:
        found = set[str]()
        for base in classes[name].bases:
            if isinstance(base, ast.Name) and base.id in classes:
                found |= public(base.id)
        for part in classes[name].body:
            if isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef)) and not part.name.startswith("_"):
                found.add(part.name)
        return found

    return ", ".join(f"{name} {len(public(name))}" for name in ("Session", "Hub", "Node"))


def lines(house: House) -> str:
    """Lines of source without the generated file."""
    return str(sum(len(path.read_text().splitlines()) for path in house.files))


def small(house: House) -> str:
    """Files below 60 lines, without those that only say what a package is."""
    found = [
        house.name(path)
        for path in house.files
        if len(path.read_text().splitlines()) < SMALL and not _only_says(house.tree(path), path)
    ]
    return "; ".join([str(len(found)), " ".join(found)])


def _only_says(tree: ast.Module, path: Path) -> bool:
    return path.name == "__init__.py" and all(isinstance(node, ast.Expr) for node in tree.body)


# -- calls across files


class Trace:
    """Counts calls from one file of the package to another while it is switched on."""

    def __init__(self, house: House) -> None:
        self.calls: Counter[tuple[str, str]] = Counter()
        self.files: set[str] = set()
        self._inside = f"{house.package}/"
        self._begun: set[Any] = set()
        """Frames of coroutines that have run: kept, so that no other is taken for one of them."""

    @contextmanager
    def on(self) -> Iterator[None]:
        sys.setprofile(self._event)
        try:
            yield
        finally:
            sys.setprofile(None)

    def _event(self, frame: Any, event: str, argument: object) -> None:
        if event != "call" or not frame.f_code.co_filename.startswith(self._inside):
            return
        if frame.f_code.co_flags & (inspect.CO_COROUTINE | inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR):
            if frame in self._begun:
                return
            self._begun.add(frame)
        callee = frame.f_code.co_filename.removeprefix(self._inside)
        self.files.add(callee)
        caller = frame.f_back.f_code.co_filename if frame.f_back is not None else ""
        if caller.startswith(self._inside):
            caller = caller.removeprefix(self._inside)
            if caller != callee:
                self.calls[caller, callee] += 1

    @property
    def count(self) -> int:
        return sum(self.calls.values())

    def __str__(self) -> str:
        both = sorted(pair for pair in self.calls if pair[0] < pair[1] and pair[::-1] in self.calls)
        pairs = ", ".join(f"{one} ↔ {other}" for one, other in both)
        return f"{self.count} calls, {len(self.files)} files, {len(both)} pairs both ways: {pairs or '-'}"


def publish(house: House) -> str:
    """One publish, from `hub.publish` to the bytes at one subscriber."""

    async def scenario() -> str:
        async with _served() as (hub, port):
            from websockets.asyncio.client import connect

            async with connect(f"ws://127.0.0.1:{port}/ws?channel=c", compression=None) as client:
                await client.recv()

                async def once() -> None:
                    receipt = hub.publish("c", {"n": 1})
                    await client.recv()
                    await receipt

                return str(await _least(house, once))

    return asyncio.run(scenario())


def reconnect(house: House) -> str:
    """One Centrifuge reconnect, from the handshake to the reply of a subscribe that recovers."""

    async def scenario() -> str:
        async with _served() as (hub, port):
            from websockets.asyncio.client import connect

            url = f"ws://127.0.0.1:{port}/connection/websocket"
            subscribe = {"channel": "c", "recover": True}

            async def miss() -> None:
                at = await hub.publish("c", 1)
                subscribe.update(offset=at.offset - 1, epoch=at.epoch)

            async def once() -> None:
                async with connect(url, compression=None) as client:
                    await client.send(json.dumps({"id": 1, "connect": {}}))
                    assert "connect" in json.loads(await client.recv())
                    await client.send(json.dumps({"id": 2, "subscribe": subscribe}))
                    assert len(json.loads(await client.recv())["subscribe"]["publications"]) == 1

            return str(await _least(house, once, before=miss))

    return asyncio.run(scenario())


async def _least(
    house: House, once: Callable[[], Awaitable[None]], *, before: Callable[[], Awaitable[None]] | None = None
) -> Trace:
    before = before or _nothing
    for _ in range(WARM_UP):
        await before()
        await once()
    found: list[Trace] = []
    for _ in range(ROUNDS):
        # What the last one left to do is over.
        await asyncio.sleep(0.05)
        await before()
        trace = Trace(house)
        async with asyncio.timeout(DEADLINE):
            with trace.on():
                await once()
        found.append(trace)
    return min(found, key=lambda trace: trace.count)


async def _nothing() -> None:
    return None


@asynccontextmanager
async def _served() -> AsyncIterator[tuple[Any, int]]:
    """A hub on the fast path of uvicorn, on a free port of the loopback."""
    import uvicorn

    from gapless import ChannelOptions, Hub, HubApp

    listening = socket.create_server(("127.0.0.1", 0))
    hub = Hub(channels={"*": ChannelOptions(history=100)})
    config = uvicorn.Config(
        HubApp(hub), ws="gapless.transports.uvicorn:WebSocketProtocol", lifespan="on", log_level="warning"
    )
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve([listening]))
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield hub, listening.getsockname()[1]
    finally:
        server.should_exit = True
        await running


FIGURES: dict[str, Callable[[House], str]] = {
    figure.__name__: figure
    for figure in (modules, circles, upward, starts, loops, methods, lines, small, publish, reconnect)
}


def main() -> None:
    parser = argparse.ArgumentParser(description="The figures by which the house is judged.")
    parser.add_argument("names", nargs="*", metavar="NAME", choices=[*FIGURES, []], help=", ".join(FIGURES))
    parser.add_argument("--source", type=Path, default=ROOT / "src", help="the src/ to look at")
    arguments = parser.parse_args()
    source = arguments.source.resolve()
    sys.path.insert(0, str(source))
    house = House(source)
    for name in arguments.names or FIGURES:
        figure = FIGURES[name]
        print(f"{name:10} {figure(house)}")


if __name__ == "__main__":
    main()
