"""All files of a checkout, measured and related to each other, one file at a time."""

from __future__ import annotations

from collections.abc import Iterator

from .checkout import Checkout
from .definitions import Module
from .index import Index
from .measure import measure
from .modules import ModuleNames
from .source import UnreadableSource, read_source


class Survey:
    """Reads a checkout: exhaust `read`, then take the `index`.

    The whole of it is held in memory, up to ten times the size of the sources: who uses a
    definition can only be said when everything has been read.
    """

    def __init__(self, checkout: Checkout) -> None:
        self._checkout = checkout
        self._names = ModuleNames(checkout)
        self.modules: dict[str, Module] = {}
        self.unreadable: dict[str, str] = {}
        """File → why it could not be read or parsed."""

    def read(self) -> Iterator[str]:
        """Read file after file, in their order, and say which one it was."""
        for file in self._checkout.files:
            try:
                source = read_source(self._checkout.root, file)
            except UnreadableSource as error:
                self.unreadable[file] = str(error)
            else:
                self.modules[file] = measure(source, self._names.name(file))
            yield file

    def index(self) -> Index:
        """Who uses whom, among the files that could be read."""
        return Index(self.modules.values(), self._names)
