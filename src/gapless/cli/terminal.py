"""What several verbs take, the hub they talk to, and what they write, on stdout and stderr, made harmless."""

from __future__ import annotations

import os
import re
import sys
from typing import Annotated

import typer
from rich.color import ColorSystem
from rich.console import Console
from rich.style import Style

from ..client.remote import Remote
from ..errors import ConfigError

DEFAULT_URL = "http://127.0.0.1:8765"

Url = Annotated[
    str, typer.Option(envvar="GAPLESS_URL", help="The hub's address, with the path it is mounted at.")
]
Token = Annotated[
    str | None,
    typer.Option(envvar="GAPLESS_TOKEN", show_default=False, help="The credential, where the hub wants one."),
]

_CONTROL = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
"""Characters that move a cursor, change what a terminal does, or reorder what is read."""

_SYSTEMS = {
    "standard": ColorSystem.STANDARD,
    "256": ColorSystem.EIGHT_BIT,
    "truecolor": ColorSystem.TRUECOLOR,
    "windows": ColorSystem.WINDOWS,
}


def safe(text: str) -> str:
    r"""Text with every control character shown as `\x1b` or `\u202e`, so that a terminal only shows it."""
    return _CONTROL.sub(_shown, text)


def safe_json(text: str) -> str:
    """JSON, with control characters in its strings as JSON escapes: the same value, harmless to show."""
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _shown(found: re.Match[str]) -> str:
    code = ord(found[0])
    named = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}
    return named.get(found[0]) or (f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}")


def say(line: str) -> None:
    """A line for people, on stderr."""
    sys.stderr.write(f"gapless: {safe(line)}\n")
    sys.stderr.flush()


def write(lines: list[str]) -> None:
    """Lines to stdout, at once: whoever reads from a pipe does not wait for a buffer to fill."""
    if lines:
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()


def announce(lines: list[str]) -> None:
    """As `write`, for what does not live by being read: it goes on when nobody reads."""
    try:
        if sys.stdout is not None:  # which it is where stdout was closed from the beginning
            write(lines)
    except BrokenPipeError:
        silence()


def prepare() -> None:
    """No character may end the program because the terminal's encoding lacks it."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def silence() -> None:
    """Nobody reads stdout any more; keep the interpreter from complaining when it flushes at exit."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)


class Paint:
    """Colours for stdout where it is a terminal and NO_COLOR is not set, else nothing."""

    def __init__(self, console: Console | None = None, when: str = "auto") -> None:
        console = console or Console(
            force_terminal=True if when == "always" else None, no_color=when == "never"
        )
        plain = console.no_color or console.color_system is None
        self._system = None if plain else _SYSTEMS[console.color_system or "standard"]

    def __call__(self, text: str, style: str) -> str:
        return text if self._system is None else Style.parse(style).render(text, color_system=self._system)


class WrongUsage(ConfigError):
    """What was typed cannot be meant, whatever the hub says: exit code 2."""


def hub_at(url: str, token: str | None) -> Remote:
    """The hub that a verb talks to. Raises WrongUsage."""
    try:
        return Remote.parse(url, token)
    except ConfigError as error:
        raise WrongUsage(str(error)) from None
