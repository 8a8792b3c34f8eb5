"""The attributes that a class assigns."""

from __future__ import annotations

from .reading import class_of


def test_attributes_come_with_annotation_value_and_the_string_below_them() -> None:
    found = class_of(
        """
        class C(Base, Generic[T], metaclass=Meta):
            limit: int = 3
            "How many."
            name: str
            a = b = None
            def __init__(self, given: Given, other, *, size=1) -> None:
                self.given = given
                self.other = other
                self.made: list[int] = []
                self.size = size or 2
                self.size = 3
                other.size = 4
        """
    )
    assert found.bases == ("Base", "Generic[T]", "metaclass=Meta")
    assert [(each.name, each.annotation, each.value, each.docstring) for each in found.attributes] == [
        ("limit", "int", "3", "How many."),
        ("name", "str", None, None),
        ("a", None, "None", None),
        ("b", None, "None", None),
    ]
    assert [(each.name, each.annotation, each.value) for each in found.instance_attributes] == [
        ("given", "Given", None),
        ("other", None, "other"),
        ("made", "list[int]", None),
        ("size", None, "size or 2"),
    ]
