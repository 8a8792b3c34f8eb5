"""Which names a piece of code mentions, and what they stand for."""

from __future__ import annotations

import pytest

from ..uses import RING, ReadSurvey, uses


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
