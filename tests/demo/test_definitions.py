"""What was found in a source file, as values."""

from __future__ import annotations

from .python.reading import class_of


def test_of_methods_of_one_name_the_last_counts() -> None:
    found = class_of(
        """
        class Log:
            def write(self, line): ...
            def write(self, line, *, at): ...
        """
    )
    method = found.method("write")
    assert method is not None
    assert (method.line, method.parameters) == (4, ("line", "at"))
    assert found.method("read") is None
