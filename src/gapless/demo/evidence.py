"""How a design pattern is told: one sentence, with the lines that show it."""

from __future__ import annotations

from collections.abc import Sequence

from .definitions import Evidence
from .markdown import code, phrase

MAX_LINES = 6
"""Lines that one sentence names; what is more is counted."""


def told(pattern: str, sentence: str, *lines: int) -> Evidence:
    """The sentence may hold `{0}`, `{1}` …: each becomes `line 12` for the line of that number."""
    for at, line in enumerate(lines):
        sentence = sentence.replace(f"{{{at}}}", f"line {line}")
    return Evidence(pattern, sentence, lines)


def in_lines(lines: Sequence[int]) -> str:
    """`in line 3`, `in lines 3, 5 and 9`."""
    found = sorted(set(lines))
    shown = [str(line) for line in found[:MAX_LINES]]
    if len(found) > MAX_LINES:
        shown.append(f"{len(found) - MAX_LINES} more")
    return f"in {'line' if len(found) == 1 else 'lines'} {phrase(shown)}"


def context_manager(enter: str, first: int, leave: str, last: int) -> Evidence:
    """What begins in one method ends in another."""
    sentence = f"{code(enter)} ({{0}}) begins what {code(leave)} ({{1}}) ends."
    return told("Context manager", sentence, first, last)


def generator(lines: Sequence[int]) -> Evidence:
    """It yields on these lines."""
    return Evidence("Iterator", f"It is a generator: it yields {in_lines(lines)}.", tuple(lines))


def decorator(given: str, inner: str, made: int, called: int, returned: int) -> Evidence:
    """It wraps what it is given in a function of its own, and returns that."""
    sentence = (
        f"It takes {code(given)}, wraps it in {inner} ({{0}}), which calls it ({{1}}), "
        "and returns that ({2})."
    )
    return told("Decorator", sentence, made, called, returned)


def observer(listing: str, adds: str, added: int, tells: str, looped: int, called: int) -> Evidence:
    """One method adds subscribers, another notifies each."""
    sentence = (
        f"{code(adds)} adds to the list of subscribers {code(listing)} ({{0}}); "
        f"{code(tells)} goes through it ({{1}}) and notifies each ({{2}})."
    )
    return told("Observer", sentence, added, looped, called)


def composite(listing: str, method: str, looped: int, called: int) -> Evidence:
    """A method does the same to each of its parts."""
    sentence = (
        f"{code(method)} goes through {code(listing)} ({{0}}) and calls the same method of each ({{1}})."
    )
    return told("Composite", sentence, looped, called)


def fluent(methods: Sequence[tuple[str, int]]) -> Evidence:
    """Methods return the object itself, on these lines."""
    lines = [line for _, line in methods]
    names = phrase([code(name) for name, _ in dict(methods).items()])
    return Evidence("Fluent interface", f"{names} return the object itself, {in_lines(lines)}.", tuple(lines))


def forwarding(method: str, wrapped: str, kept: int, called: int) -> Evidence:
    """It keeps an object and hands calls on to it."""
    sentence = (
        f"The constructor keeps {code(wrapped)} ({{0}}), and {code(method)} hands on to its method of "
        "the same name ({1})."
    )
    return told("Wrapper (decorator as an object)", sentence, kept, called)
