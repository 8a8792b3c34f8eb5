"""Who uses whom: names followed from where they stand to what they mean."""

from __future__ import annotations

from gapless.demo.index import Index

from .uses import RING, ReadSurvey, entry, outside, uses


def test_what_a_class_does_with_itself_is_no_use(survey: ReadSurvey) -> None:
    found = survey(
        {"a.py": "class A:\n    def f(self): self.g(), A()\n    def g(self): return f\ndef f(): f()\n"}
    )
    assert uses(found, "a.A") == []
    assert uses(found, "a.f") == ["a.py:3 A.g name"]


def test_a_method_may_be_called_as_its_module_is(survey: ReadSurvey) -> None:
    found = survey(
        {"a.py": "import log\nclass A:\n    def log(self): log.log()\n", "log.py": "def log(): ...\n"}
    )
    assert uses(found, "log.log") == ["a.py:3 A.log call"]


def test_code_outside_of_every_definition_uses_too(survey: ReadSurvey) -> None:
    found = survey({"ring.py": RING, "use.py": "from ring import make\nif True:\n    ring = make()\n"})
    assert uses(found, "ring.make") == ["use.py:3 - call"]


def test_imports_for_type_checkers_are_marked(survey: ReadSurvey) -> None:
    found = survey(
        {
            "ring.py": RING,
            "use.py": """
import typing
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from ring import Ring
if typing.TYPE_CHECKING:
    from ring import make
def f(ring: "Ring"): ...
""",
        }
    )
    links = found.index.uses_of(entry(found, "ring.Ring"))
    assert [(link.where, link.typing_only) for link in links] == [("make", False), ("f", True)]


def test_a_third_party_package_is_not_a_module_that_is_called_like_it(survey: ReadSurvey) -> None:
    found = survey(
        {
            "shop/__init__.py": "",
            "shop/redis.py": "import redis\nclass Redis: ...\ndef f(): return redis.Redis()\n",
            "shop/use.py": "import redis, json, os.path\n"
            "def f(): return redis.Redis(), json.dumps, os.path.join, len\n",
        }
    )
    assert uses(found, "shop.redis.Redis") == []
    assert outside(found, "shop.use.f") == [
        ("redis.Redis", False),
        ("json.dumps", True),
        ("os.path.join", True),
    ]


def test_a_variable_of_another_module_is_neither_a_definition_nor_foreign(survey: ReadSurvey) -> None:
    found = survey(
        {
            "a.py": "LIMIT = 1\n",
            "b.py": "import a\nfrom a import LIMIT\ndef f(): return a.LIMIT, LIMIT, nothing\n",
        }
    )
    assert outside(found, "b.f") == []
    assert found.index.used_by(entry(found, "b.f")) == []


def test_relations_of_classes_go_both_ways_and_over_files(survey: ReadSurvey) -> None:
    found = survey(
        {
            "shop/__init__.py": "from .base import Base as Base\n",
            "shop/base.py": "class Root: ...\nclass Base(Root): ...\n",
            "shop/leaf.py": "from shop import Base\nclass Leaf(Base):\n    class Inner(Base): ...\n",
        }
    )
    index = found.index
    names = [each.qualified for each in index.ancestors(entry(found, "shop.leaf.Leaf"))]
    assert names == ["shop.base.Base", "shop.base.Root"]
    assert [each.qualified for each in index.subclasses(entry(found, "shop.base.Base"))] == ["shop.leaf.Leaf"]
    assert [each.name for each in index.exported_by(entry(found, "shop.base.Base"))] == ["shop"]
    assert index.exported_by(entry(found, "shop.base.Root")) == []


def test_circles_of_imports_and_of_bases_come_to_an_end(survey: ReadSurvey) -> None:
    found = survey(
        {
            "a.py": "from b import x, A\nfrom b import *\nclass B(A): ...\ndef f(o: B): x(), o.no(), y()\n",
            "b.py": "from a import x, B\nfrom a import *\nclass A(B): ...\n",
        }
    )
    index: Index = found.index
    assert [each.qualified for each in index.ancestors(entry(found, "a.B"))] == ["b.A"]
    assert uses(found, "a.B") == ["a.py:4 f annotation", "b.py:3 A base"]


def test_a_file_that_does_not_parse_takes_nothing_else_away(survey: ReadSurvey) -> None:
    found = survey(
        {"bad.py": "def (", "use.py": "import bad\ndef f(): bad.g()\n", "c.py": "from use import f\nf()\n"}
    )
    assert found.unreadable == {"bad.py": "invalid syntax in line 1"}
    assert uses(found, "use.f") == ["c.py:2 - call"]
    assert outside(found, "use.f") == []
