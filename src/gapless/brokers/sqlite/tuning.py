"""How much a store does at once: bounds that hold others up for a few milliseconds at most."""

from __future__ import annotations

from dataclasses import dataclass

MiB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Tuning:
    """The defaults are for every machine; a test of a bound makes it small."""

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
