"""Design patterns that a Python definition shows by itself: named with their lines, and nowhere else."""

from __future__ import annotations

import pytest

from ..seen import ReadSurvey, found_in

SHOWN = [
    (
        "Context manager",
        "`__enter__` (line 3) begins what `__exit__` (line 4) ends.",
        """
        class C:
            def __enter__(self): ...
            def __exit__(self, *details): ...
        """,
    ),
    (
        "Context manager",
        "`@contextmanager` (line 3) makes it one; the block of the `with` runs at the yield (line 5).",
        """
        from contextlib import contextmanager
        @contextmanager
        def f():
            yield 1
        """,
    ),
    (
        "Iterator",
        "`__iter__` (line 3) gives the iterator, `__next__` (line 4) the next item.",
        """
        class C:
            def __iter__(self): return self
            def __next__(self): return 1
        """,
    ),
    (
        "Iterator",
        "`__iter__` (line 3) is a generator over its items (line 4).",
        """
        class C:
            def __iter__(self):
                yield from self.items
        """,
    ),
    ("Iterator", "It is a generator: it yields in lines 3 and 4.", "\ndef f():\n    yield 1\n    yield 2\n"),
    (
        "Decorator",
        (
            "It takes `function`, wraps it in `inner` (line 3), which calls it (line 4), "
            "and returns that (line 5)."
        ),
        """
        def f(function):
            def inner(*given):
                return function(*given)
            return inner
        """,
    ),
    (
        "Decorator",
        (
            "It returns the decorator `outer` (line 3). It takes `g`, wraps it in `inner` (line 4), "
            "which calls it (line 5), and returns that (line 6)."
        ),
        """
        def f(times):
            def outer(g):
                def inner():
                    g()
                return wraps(g)(inner)
            return outer
        """,
    ),
    (
        "Observer",
        (
            "`listen` adds to the list of subscribers `self.told` (line 5); "
            "`tell` goes through it (line 7) and notifies each (line 8)."
        ),
        """
        class C:
            def __init__(self): self.told = []
            def listen(self, listener):
                self.told.append(listener)
            def tell(self, text):
                for each in list(self.told):
                    each(text)
        """,
    ),
    (
        "Composite",
        "`draw` goes through `self.parts` (line 4) and calls the same method of each (line 5).",
        """
        class C:
            def draw(self):
                for part in self.parts:
                    part.draw()
        """,
    ),
    (
        "Singleton",
        "`__new__` keeps the one instance in `cls._one` (line 6) when there is none yet (line 5).",
        """
        class C:
            _one = None
            def __new__(cls):
                if cls._one is None:
                    cls._one = super().__new__(cls)
                return cls._one
        """,
    ),
    (
        "Template method",
        "`run` calls `step` (line 4), which is left to the subclasses (line 5).",
        """
        class C:
            def run(self):
                self.step()
            def step(self): raise NotImplementedError
        """,
    ),
    (
        "Fluent interface",
        "`where` and `limit` return the object itself, in lines 4 and 6.",
        """
        class C:
            def where(self):
                return self
            def limit(self):
                return self
        """,
    ),
    (
        "Wrapper (decorator as an object)",
        (
            "The constructor keeps `self.app` (line 3), and `__call__` hands on to its method of "
            "the same name (line 4)."
        ),
        """
        class C:
            def __init__(self, app): self.app = app
            def __call__(self, scope): return self.app(scope)
        """,
    ),
]


@pytest.mark.parametrize(("pattern", "said", "code"), SHOWN)
def test_a_pattern_that_the_code_shows_is_named_with_its_lines(
    survey: ReadSurvey, pattern: str, said: str, code: str
) -> None:
    name = "C" if "class C" in code else ""
    assert found_in(survey, code, name).get(pattern) == said


NOT_SHOWN = [
    "class C:\n    def __enter__(self): ...\n",
    "class C:\n    def __iter__(self): return iter([])\n",
    "def f(function):\n    def inner(): return 1\n    return inner\n",
    "def f(function):\n    def inner(function): function()\n    return inner\n",
    "def f(function):\n    def inner(): function()\n    inner()\n",
    "class C:\n    def put(self, x): self.xs.append(x)\n    def all(self):\n        for x in self.xs: p(x)\n",
    "class C:\n    def add(self): self.xs.append(1)\n    def all(self):\n        for x in self.xs: x()\n",
    "class C:\n    def draw(self):\n        for part in self.parts: part.hide()\n",
    "class C:\n    def run(self): self.step()\n    def step(self): ...\n",
    "class C:\n    def only(self): return self\n",
    "class C:\n    def __init__(self, app): self.app = app\n    def run(self): return self.app.stop()\n",
]


@pytest.mark.parametrize("code", NOT_SHOWN)
def test_what_only_looks_like_a_pattern_is_not_named(survey: ReadSurvey, code: str) -> None:
    assert found_in(survey, code) == {}
