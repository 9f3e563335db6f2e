"""Words for what is wrong."""

import pytest

from steepest.spec import problems
from steepest.spec.problems import MOST_SUGGESTIONS, Suggestions


def test_the_nearest_name_is_looked_for_a_few_times_only(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def suggestion(name: str, known: object) -> str:
        asked.append(name)
        return f"; {name}?"

    monkeypatch.setattr(problems, "suggestion", suggestion)
    near = Suggestions(["a"])
    names = [f"a{index}" for index in range(MOST_SUGGESTIONS + 5)]
    said = [near(name) for name in [*names, *names]]
    assert asked == names[:MOST_SUGGESTIONS]
    assert said[: len(names)] == said[len(names) :] == [f"; {name}?" for name in asked] + [""] * 5
