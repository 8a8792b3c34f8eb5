"""The file that a `sqlite:///` URL names, with the files beside it, and how much is done to it at once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args
from urllib.parse import parse_qsl, unquote

from ...errors import ConfigError
from ...options import MiB

Synchronous = Literal["full", "normal"]

SCHEME = "sqlite://"
_EXAMPLE = "sqlite:///relative.db or sqlite:////absolute/path.db"


@dataclass(frozen=True, slots=True)
class Address:
    """Where a store is, and how strongly a commit is written down.

    `full` flushes to the disk before a publication is acknowledged. `normal` leaves the flush to
    the system: what a power cut may take is then answered with a new epoch. `max_mib` is the size that
    the file has at most, None for what the disk holds.
    """

    path: Path
    synchronous: Synchronous = "full"
    max_mib: int | None = None

    @property
    def lock(self) -> Path:
        """The side file that whoever writes holds."""
        return self.path.with_name(self.path.name + "-lock")

    @property
    def life(self) -> Path:
        """The side file that says which life of the store was the last."""
        return self.path.with_name(self.path.name + "-life")

    @property
    def wal(self) -> Path:
        """SQLite's own write-ahead log."""
        return self.path.with_name(self.path.name + "-wal")


def parse(url: str) -> Address:
    """Read `sqlite:///relative.db`, `sqlite:////absolute.db`, and options behind either.

    These are `?synchronous=normal` and `?max_mib=1024`.

    Raises:
        ConfigError: this is no such URL.
    """
    if not url.startswith(SCHEME + "/"):
        raise ConfigError(f"a store is {_EXAMPLE}, not {url!r}")
    name, _, query = url[len(SCHEME) + 1 :].partition("?")
    path = unquote(name)
    if not path or path.endswith("/") or "\0" in path:
        raise ConfigError(f"{url!r} names no file: write {_EXAMPLE}")
    synchronous: Synchronous = "full"
    max_mib: int | None = None
    for option, value in parse_qsl(query, keep_blank_values=True):
        if option == "max_mib":
            max_mib = _whole(value)
            continue
        if option != "synchronous":
            raise ConfigError(
                f"{option!r} is no option of a store; there are synchronous=full or =normal, and max_mib=1024"
            )
        if value not in get_args(Synchronous):
            raise ConfigError(f"synchronous is full or normal, not {value!r}")
        synchronous = "normal" if value == "normal" else "full"
    return Address(Path(path), synchronous, max_mib)


def _whole(value: str) -> int:
    if not value.isascii() or not value.isdigit() or not 1 <= int(value) <= 2**24:
        raise ConfigError(f"max_mib is the largest size of the file in MiB, as in 1024, not {value!r}")
    return int(value)


@dataclass(frozen=True, slots=True)
class Tuning:
    """How much a store does at once: bounds that hold others up for a few milliseconds at most.

    The defaults are for every machine; a test of a bound makes it small.
    """

    checkpoint_bytes: int = 16 * MiB
    """About so much is written before it is moved from the write-ahead log into the database."""
    read_on_entries: int = 4_096
    read_on_bytes: int = 32 * MiB
    """Further behind than these, a process reads nothing of what it missed: its rings are repaired."""
    delete_rows: int = 2_000
    """Rows that one transaction deletes: others wait for it."""
    index_rows: int = 400
    """Publications put into the search index in one transaction."""
    search_seconds: float = 5.0
    """After which a search that has to look at too much is given up."""
    search_steps: int = 10_000
    """Of SQLite's machine between two looks at the clock while it searches."""
