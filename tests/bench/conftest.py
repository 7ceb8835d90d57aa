"""Prints what was measured at the end of a run, and keeps it for docs/performance."""

from typing import Any

from tests.support import benchmark


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Write the table of this run."""
    if table := benchmark.report():
        terminalreporter.write_line(f"\n{table}")
