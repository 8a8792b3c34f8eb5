"""All files of a checkout, read when they are needed, and related to each other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import inf

from .checkout import Checkout
from .definitions import Whole
from .index import Entry, Index
from .language import Module, UnreadableSource, read_bytes
from .languages import language_of, languages


class Survey:
    """Reads a checkout, in any order: what a page needs first, the rest in between.

    A page tells who uses a definition, so all files that mention it must have been read. Which
    these are, the unread bytes say: searching them for a word is a thousand times faster than
    parsing them. The whole of a checkout is held in memory, up to ten times the size of its sources.
    """

    def __init__(self, checkout: Checkout) -> None:
        self.checkout = checkout
        self._layouts = {each.name: each.layout(checkout.root, checkout.files) for each in languages()}
        self._unread: dict[str, bytes] = {}
        self.modules: dict[str, Module] = {}
        self.unreadable: dict[str, str] = {}
        """File → why it could not be read or parsed."""
        self.index = Index(self._layouts, self.module)
        for file in checkout.files:
            try:
                self._unread[file] = read_bytes(checkout.root, file)
            except UnreadableSource as error:
                self.unreadable[file] = str(error)

    @property
    def complete(self) -> bool:
        """Has everything been read?"""
        return not self._unread

    def module(self, file: str) -> Module | None:
        """One file, read now if it has not been; None when it cannot be."""
        content = self._unread.pop(file, None)
        language = language_of(file)
        if content is not None and language is not None:
            try:
                module = language.read(file, content, self._layouts[language.name].name(file))
            except UnreadableSource as error:
                self.unreadable[file] = str(error)
            else:
                self.modules[file] = module
                self.index.add(module)
        return self.modules.get(file)

    def prepare(self, entry: Entry, most_bytes: int) -> bool:
        """Read what a page about the entry needs; not when it is more than so much source."""
        while missing := self._missing(entry, most_bytes):
            most_bytes -= sum(len(self._unread[file]) for file in missing)
            if most_bytes < 0:
                return False
            for file in missing:
                self.module(file)
        return missing is not None

    def _missing(self, entry: Entry, most_bytes: int) -> list[str] | None:
        """The unread files among those that a page needs, as far as is known yet; None for too many."""
        if sum(map(len, self._unread.values())) <= most_bytes:
            return list(self._unread)
        if isinstance(entry.definition, Whole):
            return None  # `from . import x` mentions a package without its name
        words = [name.encode() for name in self.index.names_of(entry)]
        if not all(word.isascii() for word in words):
            return None  # a file may write them in another encoding
        found = [file for file in self.index.unread_for(entry) if file in self._unread]
        if found:
            return found
        patterns = [(word, re.compile(rb"(?<!\w)" + re.escape(word) + rb"(?!\w)")) for word in words]
        for file, content in self._unread.items():
            if any(word in content and pattern.search(content) for word, pattern in patterns):
                found.append(file)
                most_bytes -= len(content)
                if most_bytes < 0:
                    return None
        return found

    def read(self, most_bytes: float = inf) -> Iterator[str]:
        """Read what is unread, file after file until so much is done, and say which one it was."""
        while self._unread and most_bytes > 0:
            file, content = next(iter(self._unread.items()))
            most_bytes -= len(content)
            self.module(file)
            yield file
