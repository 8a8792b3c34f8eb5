"""Who uses whom: names followed from where they stand to what they mean."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gapless.demo.index import Entry, Index, Link
from gapless.demo.survey import Survey

ReadSurvey = Callable[..., Survey]

RING = '''
class Ring:
    """A ring."""
    def append(self, x): ...
    def since(self): ...

def make() -> Ring: ...
'''


def entry(survey: Survey, qualified: str) -> Entry:
    found = [
        Entry(module, definition)
        for module in survey.modules.values()
        for definition in module.definitions
        if f"{module.name}.{definition.name}" == qualified
    ]
    assert len(found) == 1, qualified
    return found[0]


def uses(survey: Survey, qualified: str) -> list[str]:
    """Who uses a definition: `file:line where usage [member]`."""
    links = survey.index.uses_of(entry(survey, qualified))
    return [_told(link) for link in links]


def _told(link: Link) -> str:
    parts = [f"{link.module.file}:{link.line}", link.where or "-", link.usage, link.member]
    return " ".join(part for part in parts if part)


def outside(survey: Survey, qualified: str) -> list[tuple[str, bool]]:
    return [(each.name, each.standard) for each in survey.index.outside(entry(survey, qualified))]


@pytest.mark.parametrize(
    ("imports", "call"),
    [
        ("from shop.ring import make", "make()"),
        ("from shop.ring import make as build", "build()"),
        ("import shop.ring", "shop.ring.make()"),
        ("import shop.ring as r", "r.make()"),
        ("from shop import ring", "ring.make()"),
        ("from .ring import make", "make()"),
        ("from . import ring", "ring.make()"),
        ("from shop.ring import *", "make()"),
        ("from shop import make", "make()"),
        ("import shop", "shop.make()"),
    ],
)
def test_every_form_of_import_leads_to_the_definition(survey: ReadSurvey, imports: str, call: str) -> None:
    found = survey(
        {
            "shop/__init__.py": "from .ring import make\n",
            "shop/ring.py": RING,
            "shop/use.py": f"{imports}\ndef user():\n    return {call}\n",
        }
    )
    assert uses(found, "shop.ring.make") == ["shop/use.py:3 user call"]


def test_leading_dots_count_from_the_package_of_the_file(survey: ReadSurvey) -> None:
    found = survey(
        {
            "shop/ring.py": RING,
            "shop/sub/__init__.py": "from ..ring import make\nmake()\n",
            "shop/sub/use.py": "from ..ring import make\nmake()\nfrom .ring import make as no\nno()\n",
        }
    )
    assert uses(found, "shop.ring.make") == ["shop/sub/__init__.py:2 - call", "shop/sub/use.py:2 - call"]


def test_an_import_inside_a_function_counts_there(survey: ReadSurvey) -> None:
    found = survey(
        {
            "ring.py": RING,
            "use.py": "def a():\n    from ring import make\n    make()\ndef b():\n    make()\n",
        }
    )
    assert uses(found, "ring.make") == ["use.py:3 a call"]


def test_a_local_variable_is_not_the_global_of_its_name(survey: ReadSurvey) -> None:
    found = survey(
        {
            "ring.py": RING
            + """
def parameter(make): make()
def assigned():
    make = 1
    make()
def loop():
    for make in []: make()
def caught():
    try: ...
    except OSError as make: make()
def matched(x):
    match x:
        case [make, *_]: make()
def nested():
    def inner(make): make()
def comprehended(): return [make() for make in []]
def declared():
    global make
    make = make()
"""
        }
    )
    assert [line.split(" ", 1)[1] for line in uses(found, "ring.make")] == ["declared name", "declared call"]


def test_the_ways_of_use_are_told_apart(survey: ReadSurvey) -> None:
    found = survey(
        {
            "errors.py": "class Gone(Exception): ...\n",
            "use.py": """
from errors import Gone
class Lost(Gone): ...
class Both(Generic[Gone], Mixin[Gone]): ...
def f(x: Gone | None, y: "list[Gone]", z: Literal["Gone"]) -> "Gone":
    try: ...
    except (Gone, OSError): raise Gone("now") from None
    raise Gone
    return [Gone, Gone()]
@Gone
@Gone(1)
def g(): ...
""",
        }
    )
    assert uses(found, "errors.Gone") == [
        "use.py:3 Lost base",
        "use.py:4 Both name",
        "use.py:4 Both name",
        "use.py:5 f annotation",
        "use.py:5 f annotation",
        "use.py:5 f annotation",
        "use.py:7 f except",
        "use.py:7 f raise",
        "use.py:8 f raise",
        "use.py:9 f name",
        "use.py:9 f call",
        "use.py:10 g decorator",
        "use.py:11 g decorator",
    ]


def test_methods_are_found_where_the_code_says_of_which_class_an_object_is(survey: ReadSurvey) -> None:
    found = survey(
        {
            "ring.py": RING,
            "use.py": """
from __future__ import annotations
import ring
from ring import Ring
shared = Ring()
class Keeper:
    kept: "Ring | None"
    def __init__(self, given: Ring, other) -> None:
        self.given = given
        self.made = None
        self.made = ring.Ring()
        self.mixed = Ring()
        self.mixed = other
    def work(self, mine: Optional[Ring]):
        self.given.append(1)
        self.made.append(2)
        self.kept.append(3)
        self.mixed.append(4)
        mine.since()
        local = Ring()
        local.since()
        Ring.since(local)
        shared.append(5)
        unknown.append(6)
        mine.missing()
def again():
    local = Ring()
    local = other()
    local.append(7)
def looped():
    item = Ring()
    for item in []: item.append(8)
def shadowed(shared): shared.append(9)
def made_by_function():
    found = ring.make()
    found.append(10)
""",
        }
    )
    calls = [line for line in uses(found, "ring.Ring") if line.endswith(("append", "since"))]
    assert calls == [
        "use.py:15 Keeper.work call append",
        "use.py:16 Keeper.work call append",
        "use.py:17 Keeper.work call append",
        "use.py:19 Keeper.work call since",
        "use.py:21 Keeper.work call since",
        "use.py:22 Keeper.work call since",
        "use.py:23 Keeper.work call append",
    ]


def test_an_inherited_method_is_a_method_of_the_class_that_is_used(survey: ReadSurvey) -> None:
    found = survey(
        {
            "ring.py": RING + "class Small(Ring): ...\n",
            "use.py": "from ring import Small\ndef f(x: Small): x.append(1)\n",
        }
    )
    assert uses(found, "ring.Small") == ["use.py:2 f annotation", "use.py:2 f call append"]


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
