"""A language: what reads the bytes of its files, so that the pages about them need not know it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ..errors import GaplessError
from ..options import MiB
from .definitions import Class, Failure, Function, Reference, Signature, Whole

MAX_TEXT = 160
"""Characters of one annotation, default or decorator; longer ones end in an ellipsis."""

MAX_NAME = 200
"""Characters of a name; a longer one makes no title."""

WIDTH = 88
"""A signature that is wider puts each parameter on a line of its own."""


class Layout(Protocol):
    """What the files of one checkout are called by each other."""

    def name(self, file: str) -> str:
        """What a file is called, dotted: `src/shop/orders.py` → `shop.orders`."""

    def find(self, name: str, importer: str) -> tuple[str, ...]:
        """The files that a name means in the file `importer`; several where a package has several."""

    def holds(self, target: str) -> bool:
        """Is this absolute name one of the checkout's own, whether or not it can be found?"""


class Language(Protocol):
    """Yields the definitions, calls and complexity of its files; what follows is the same for all."""

    @property
    def name(self) -> str:
        """As people write it: `TypeScript`."""

    @property
    def fence(self) -> str:
        """What a fenced block is marked with: `typescript`."""

    @property
    def suffixes(self) -> tuple[str, ...]:
        """How the names of its files end."""

    @property
    def separator(self) -> str:
        """What stands between a type and its method."""

    def layout(self, root: Path, files: tuple[str, ...]) -> Layout:
        """What those files of a checkout that are of this language are called; none is read."""

    def read(self, file: str, content: bytes, name: str) -> Module:
        """Everything that a page says of one file. Raises UnreadableSource."""

    def importing(self, module: str, name: str) -> str:
        """The code that makes a public name of a module known elsewhere."""

    def is_standard(self, name: str) -> bool:
        """Does this come with the language?"""


@dataclass(frozen=True, slots=True)
class Module:
    """One file: its own names and what it defines at its top level."""

    language: Language
    file: str
    name: str
    """Dotted, as an import statement says it."""
    lines: tuple[str, ...]
    whole: Whole | None
    """None for a file without code."""
    names: Mapping[str, str]
    """Every name of the module's top level → its absolute dotted target."""
    stars: tuple[str, ...] = ()
    """Modules of which everything is imported."""
    exports: frozenset[str] = frozenset()
    """What it lists as its public names."""
    definitions: tuple[Function | Class, ...] = ()
    references: tuple[Reference, ...] = ()
    """Those of the code outside every definition, imports included."""
    failures: tuple[Failure, ...] = ()

    @property
    def docstring(self) -> str | None:
        """What the module says of itself."""
        return self.whole.docstring if self.whole is not None else None


def clipped(text: str, most: int = MAX_TEXT) -> str:
    """The text, or its beginning and an ellipsis."""
    return text if len(text) <= most else text[: most - 1] + "…"


def rendered(name: str, signature: Signature) -> str:
    """`name(parameters) -> returns`, over several lines where one would be too wide."""
    arrow = "" if signature.returns is None else f"{signature.arrow}{signature.returns}"
    name += signature.generics
    line = f"{name}({', '.join(signature.parameters)}){arrow}"
    if len(line) <= WIDTH or not signature.parameters:
        return line
    inner = "".join(f"    {parameter},\n" for parameter in signature.parameters)
    return f"{name}(\n{inner}){arrow}"


MAX_SOURCE_BYTES = 2 * MiB
"""A larger file is not read: its tree would take a hundred times as much memory."""


class UnreadableSource(GaplessError):
    """A file that cannot be documented; the text says why, and at which line where there is one."""


def read_bytes(root: Path, file: str, *, max_bytes: int = MAX_SOURCE_BYTES) -> bytes:
    """Read one file.

    Raises:
        UnreadableSource: it is gone, unreadable or too large.
    """
    try:
        with (root / file).open("rb") as opened:
            content = opened.read(max_bytes + 1)
    except OSError as error:
        raise UnreadableSource(error.strerror or str(error)) from error
    if len(content) > max_bytes:
        raise UnreadableSource(f"larger than {max_bytes} bytes")
    return content


def split_lines(text: str) -> tuple[str, tuple[str, ...]]:
    """The text with plain newlines, and its lines without them.

    `\\n`, `\\r\\n` and `\\r` end a line, a form feed or U+2028 does not.
    """
    text = re.sub("\r\n?", "\n", text)
    lines = text.split("\n")
    if not lines[-1]:
        del lines[-1]
    return text, tuple(lines)


def encodable(text: str | None) -> str:
    """A literal's value as UTF-8 can carry it: it may hold half of a surrogate pair."""
    return (text or "").encode("utf-8", "backslashreplace").decode("utf-8")
