"""Which suite finds each defect that the tests plant: mutants of kernels, and faults that show that a rule can see one.

    python tools/planted.py            a row for each: the suite, the test, and its case

A test that plants a defect, and fails unless a check notices it, is marked `plants`. The rule of tests/suites.py says
in which suite it runs; a defect in none of them would be found by nothing, and ends the script with exit status 1.
"""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

import pytest  # noqa: E402


class Collected:
    """A plugin of pytest that keeps the tests that plant defects, with the suite of each."""

    def __init__(self) -> None:
        self.suite_of: dict[str, str] = {}

    def pytest_collection_finish(self, session: Any) -> None:
        """Called once, when all tests are known."""
        import suites  # pytest imports it first, as a plugin

        for item in session.items:
            found = suites.suites_of_item(item) & {*suites.SUITES}
            self.suite_of[item.nodeid] = found.pop() if found else ""


def planted() -> dict[str, str]:
    """Each test, or case of one, that plants a defect, and the suite that runs it; "" for none."""
    collected = Collected()
    words = ["--collect-only", "-qq", "-m", "plants", "-p", "no:cacheprovider", str(ROOT / "tests")]
    with contextlib.redirect_stdout(sys.stderr):  # what pytest says is no row
        status = pytest.main(words, plugins=[collected])
    if status:
        raise SystemExit(f"pytest could not collect the tests: it ended with {status}")
    return collected.suite_of


def main() -> int:
    """Prints the rows."""
    rows = planted()
    for test, suite in sorted(rows.items(), key=lambda row: row[::-1]):
        print(f"{suite or 'no suite':<8}  {test}")
    return int(not all(rows.values()))


if __name__ == "__main__":
    sys.exit(main())
