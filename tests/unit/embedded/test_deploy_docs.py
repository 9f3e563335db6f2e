import dataclasses
import re
from pathlib import Path

import pytest

from store.settings import Keep, Limits, Settings

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "deploy.md").read_text()
NAMES = {field.name for kind in (Settings, Limits) for field in dataclasses.fields(kind)} - {"limits", "keep"}


@pytest.mark.parametrize("name", sorted(NAMES))
def test_every_setting_is_in_the_table(name: str) -> None:
    assert f"`STEEPEST_{name.upper()}`" in PAGE


def test_the_table_names_nothing_else() -> None:
    table = PAGE[PAGE.index("## Settings") :]
    assert set(re.findall(r"`STEEPEST_(\w+)`", table)) == {name.upper() for name in NAMES}


@pytest.mark.parametrize("rule", dataclasses.fields(Keep), ids=lambda rule: rule.name)
def test_every_rule_of_what_is_removed_is_told(rule: dataclasses.Field[float]) -> None:
    assert f"`STEEPEST_KEEP_{rule.name.upper()}`" in PAGE
