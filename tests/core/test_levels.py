"""Names of levels."""

from __future__ import annotations

import pytest

from gapless.core.levels import LEVELS, spellings


@pytest.mark.parametrize("written", ["WARN", "warning", "Wrn"])
def test_all_names_of_a_level_are_one(written: str) -> None:
    assert set(spellings(written)) == {"warning", "warn", "wrn"}


def test_a_name_of_ones_own_is_only_itself() -> None:
    assert spellings("Audit") == ("audit",)


def test_whatever_is_published_is_a_name_itself() -> None:
    assert all(LEVELS[meant] == meant for meant in LEVELS.values())
