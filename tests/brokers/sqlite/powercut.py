"""A power cut without pulling plugs: what a process wrote, and what of it a disk would still have.

The real process runs under strace, which writes down each write and flush with its bytes. From
that, the files are put together as a disk could have them at any moment: everything that had been
flushed, and of the rest a random part, each write whole, torn or not at all, in no order.
"""

from __future__ import annotations

import random
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

SECTOR = 512
_CALLS = "pwrite64,write,fdatasync,fsync,ftruncate,unlink"
_LINE = re.compile(r"(\d+) +(?:<\.\.\. (\w+) resumed>|(\w+)\((.*))", re.DOTALL)
_ARGUMENTS = re.compile(r'(?:(\d+)<([^>]*)>|"([^"]*)")(?:, (?:"([^"]*)"|(\d+)))?(?:, (\d+))?(?:, (\d+))?')


@dataclass(frozen=True, slots=True)
class Event:
    """One call: `write` and `truncate` of a file, `flush` of one (what was written before it
    began is safe), `unlink`, or `say`: a line of the process's own output."""

    what: str
    file: str
    data: bytes = b""
    at: int = 0
    begun: int = 0
    """For `flush`: how many events had happened when it began."""


def record(arguments: Sequence[str], trace: Path) -> list[Event]:
    """Run a Python program to its end; what it wrote."""
    command = ["strace", "-f", "-y", "-qq", "-e", f"trace={_CALLS}", "-e", "signal=none", "-xx"]
    command += ["-s", "1000000", "-o", str(trace), sys.executable, *arguments]
    done = subprocess.run(command, capture_output=True, timeout=120, check=False)
    if done.returncode:
        raise AssertionError(f"the program failed: {done.stderr.decode()[-2000:]}")
    return list(_events(trace))


def _events(trace: Path) -> Iterator[Event]:
    count = 0
    flushing: dict[str, tuple[str, int]] = {}
    with trace.open() as lines:
        for line in lines:
            match = _LINE.match(line)
            if match is None:
                continue
            thread, resumed, call, rest = match.groups()
            if resumed is not None:
                if thread in flushing and resumed in ("fsync", "fdatasync"):
                    file, begun = flushing.pop(thread)
                    yield Event("flush", file, begun=begun)
                    count += 1
                continue
            event = _event(call, rest, count)
            if event is None:
                continue
            if event.what == "flush" and "<unfinished" in rest:
                flushing[thread] = event.file, count
                continue
            yield event
            count += 1


def _event(call: str, rest: str, count: int) -> Event | None:
    match = _ARGUMENTS.match(rest)
    if match is None or " = -1 " in rest:
        return None
    number, path, unlinked, data, size, third, fourth = match.groups()
    if call == "unlink":
        return Event("unlink", _name(unlinked))
    file = _name(path)
    if call == "write":
        return Event("say", "", _bytes(data)) if number == "1" else None
    if call == "pwrite64":
        return Event("write", file, _bytes(data), int(fourth or third))
    if call == "ftruncate":
        return Event("truncate", file, at=int(size))
    return Event("flush", file, begun=count)


def _bytes(escaped: str) -> bytes:
    return bytes.fromhex(escaped.replace("\\x", ""))


def _name(escaped: str) -> str:
    path = _bytes(escaped).decode() if escaped.startswith("\\x") else escaped
    return path.rpartition("/")[2]


@dataclass(slots=True)
class _File:
    flushed: bytearray = field(default_factory=bytearray)
    waiting: list[tuple[int, Event]] = field(default_factory=list)

    def settle(self, begun: int) -> None:
        for number, event in self.waiting:
            if number < begun:
                _apply(self.flushed, event)
        self.waiting = [item for item in self.waiting if item[0] >= begun]


class Disk:
    """What a disk has after some of the events."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._files: dict[str, _File] = {}
        self._count = 0
        self.said: list[str] = []

    def happen(self, event: Event) -> None:
        number, self._count = self._count, self._count + 1
        if event.what == "say":
            self.said += event.data.decode().splitlines()
        elif not event.file.startswith(self._prefix) or event.file.endswith("-shm"):
            return  # what is not a file of the store, or only memory that processes share
        elif event.what == "unlink":
            self._files.pop(event.file, None)
        elif event.what == "flush":
            self._files.setdefault(event.file, _File()).settle(event.begun)
        else:
            self._files.setdefault(event.file, _File()).waiting.append((number, event))

    def cut(self, directory: Path, chance: random.Random) -> None:
        """Put the files together in a directory as they could be after a power cut now."""
        directory.mkdir()
        survive = chance.choice((0.0, 0.5, 1.0))
        for name, file in self._files.items():
            data = bytearray(file.flushed)
            for _, event in file.waiting:
                if chance.random() < survive:
                    _apply(data, event, chance if chance.random() < 0.3 else None)
            (directory / name).write_bytes(data)


def _apply(data: bytearray, event: Event, torn: random.Random | None = None) -> None:
    if event.what == "truncate":
        del data[event.at :]
        data.extend(bytes(event.at - len(data)))
        return
    end = event.at + len(event.data)
    data.extend(bytes(max(0, end - len(data))))
    for begin in range(0, len(event.data), SECTOR):
        if torn is None or torn.random() < 0.5:
            piece = event.data[begin : begin + SECTOR]
            data[event.at + begin : event.at + begin + len(piece)] = piece
