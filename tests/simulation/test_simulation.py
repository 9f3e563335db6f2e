"""The simulation itself: a seed is its trace, whoever runs it, and a failing one becomes short."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation import seeds
from tests.simulation.plan import Plan
from tests.simulation.world import Outcome, simulate

ROOT = Path(__file__).parents[2]


def test_a_seed_has_one_trace() -> None:
    first, other, again = simulate(11), simulate(12), simulate(11)
    assert first.trace == again.trace
    assert first.digest != other.digest
    assert not first.problems


@pytest.mark.parametrize("salt", ["1", "2"])
def test_another_process_has_the_same_trace(salt: str) -> None:
    command = [sys.executable, "-m", "tests.simulation", "--seed", "11"]
    said = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": salt}, capture_output=True, text=True, check=True
    )
    assert f"trace {simulate(11).digest}" in said.stdout


def test_a_plan_without_items_disturbs_nothing() -> None:
    outcome = simulate(3, ())
    assert not outcome.problems
    assert not any("lease_expired" in line for line in outcome.trace)


def test_a_failing_seed_becomes_short(monkeypatch: pytest.MonkeyPatch) -> None:
    seed = next(seed for seed in range(100) if len(Plan.of(seed).items) > 10)
    guilty = {2, 7}

    def fails(_: int, keep: tuple[int, ...], events: int) -> Outcome:
        return Outcome(events, ["it fails"] if guilty <= set(keep) else [], [])

    monkeypatch.setattr(seeds, "simulate", fails)
    assert set(seeds.shortest(seed)) == guilty
