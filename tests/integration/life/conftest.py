"""Says at the end how many fault sites there are, and how often one was cut."""

from collections import Counter
from typing import Final

import pytest

from tests.integration.life.faults import Kind

RECORDED: Final = (*(f"{kind}s" for kind in Kind), "cuts", "violations")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Add up what the tests recorded, in whichever process."""
    counts: Counter[str] = Counter()
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            counts.update({name: int(str(value)) for name, value in report.user_properties if name in RECORDED})
    if counts:
        terminalreporter.write_line(", ".join(f"{counts[name]:,} {name}" for name in RECORDED))
