"""What stylesheets say, as a browser reads them."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page

from gapless.doors.scripts import as_stylesheet

from .fake_hub import STATIC

pytestmark = pytest.mark.browser

# What a custom property holds stays text, with the spaces that it has.
RULES = """(text) => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(text);
  return [...sheet.cssRules].map((rule) => rule.cssText.replaceAll(", ", ","));
}"""


@pytest.mark.parametrize("path", sorted(STATIC.rglob("*.css")), ids=lambda path: path.name)
def test_what_is_sent_says_the_same(page: Page, path: Path) -> None:
    text = path.read_text()
    own = page.evaluate(RULES, text)
    assert len(own) > 5
    assert page.evaluate(RULES, as_stylesheet(text)) == own
