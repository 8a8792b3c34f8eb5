"""The theme's tokens: every text can be read on every ground that it stands on, in both themes."""

from __future__ import annotations

import re
from math import cos, radians, sin
from pathlib import Path

import pytest

STATIC = Path(__file__).parents[2] / "src" / "gapless" / "dashboard" / "static"
TEXTS = [
    *("text", "muted", "value", "accent", "trace", "debug", "info", "success", "warning", "error", "gap"),
    *("string", "number", "literal"),
    *(f"ansi-{number}" for number in range(16)),
    *(f"hue-{number}" for number in range(12)),
]
GROUNDS = ("bg", "surface", "raised")
OWN_GROUNDS = [
    ("text", "accent-ground"),
    ("muted", "accent-ground"),
    *((name, "accent-ground") for name in ("value", "string", "number", "literal")),
    ("accent", "accent-ground"),
    ("warning", "warning-ground"),
    ("error", "error-ground"),
    ("gap", "gap-ground"),
    ("text", "hit-ground"),
    ("on-accent", "accent"),
    ("bg", "warning"),
]
TEXT = 4.5
"""What WCAG 2.2 asks of text (1.4.3)."""
EDGE = 3.0
"""And of the edges of controls, and the ring around the focus (1.4.11)."""


def tokens(theme: str) -> dict[str, str]:
    """As the page has them when the reader chose this theme."""
    text = (STATIC / "css" / "tokens.css").read_text("utf-8")
    found: dict[str, str] = {}
    for selectors, body in re.findall(r"([^{}]+)\{([^{}]*)\}", text):
        if f':root[data-theme="{theme}"]' in selectors:
            found |= dict(re.findall(r"--([\w-]+):\s*([^;]+);", body))
    return found


def luminance(colour: str) -> float:
    """Relative, of a `#rrggbb` or an `oklch(…)`."""
    if colour.startswith("#"):
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    else:
        lightness, chroma, hue = (float(part) for part in re.findall(r"[\d.]+", colour))
        a, b = chroma * cos(radians(hue)), chroma * sin(radians(hue))
        long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
        middle = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
        short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
        red = 4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short
        green = -1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short
        blue = -0.0041960863 * long - 0.7034186147 * middle + 1.7076147010 * short
        red, green, blue = (min(1.0, max(0.0, part)) for part in (red, green, blue))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_contrast_is_what_the_standard_says_it_is() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)
    assert contrast("oklch(1 0 0)", "#000000") == pytest.approx(21, abs=0.01)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_text_can_be_read_on_every_ground(theme: str) -> None:
    known = tokens(theme)
    pairs = [(text, ground) for text in TEXTS for ground in GROUNDS] + OWN_GROUNDS
    poor = {pair: round(ratio, 2) for pair in pairs if (ratio := contrast(*(known[n] for n in pair))) < TEXT}
    assert poor == {}
    assert contrast("#ffffff", known["critical"]) >= TEXT


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_edges_of_controls_and_the_focus_are_seen(theme: str) -> None:
    known = tokens(theme)
    for edge in ("control", "accent"):
        assert contrast(known[edge], known["bg"]) >= EDGE, edge


def test_a_theme_that_the_system_chooses_is_the_one_that_a_reader_chooses() -> None:
    text = (STATIC / "css" / "tokens.css").read_text("utf-8")
    system = text.partition("@media (prefers-color-scheme: dark) {")[2].partition("\n}\n")[0]
    assert dict(re.findall(r"--([\w-]+):\s*([^;]+);", system)) == tokens("dark")
