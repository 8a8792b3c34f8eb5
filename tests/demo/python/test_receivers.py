"""Of which class an object is, where the code says so."""

from __future__ import annotations

from ..uses import RING, ReadSurvey, uses


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
