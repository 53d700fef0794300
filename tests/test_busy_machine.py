"""No test leans on how fast the machine is: how long something takes, by a clock, says what else runs there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

TESTS = Path(__file__).parent
FILES = sorted(path.relative_to(TESTS).as_posix() for path in TESTS.rglob("*.py"))
LONG = 60  # seconds that are enough on any machine: they end what hangs
NUMBER = r"(\d[\d_]*\.?\d*)"
CLOCK = r"time\.(?:monotonic|perf_counter|time)\(\)"  # process_time counts what the process itself does
IN_ALL_TESTS = re.compile(r"settings\([^\n]*(?:deadline|suppress_health_check)=")  # tests/conftest.py says it for all
LIMITS = [  # each with numbers whose product is the seconds that are waited for
    rf"\btimeout={NUMBER}\b",
    rf"\.(?:wait|join|communicate)\({NUMBER}\)",
    rf"{CLOCK} \+ {NUMBER}\b",
    rf"assert {CLOCK} - \w+ < {NUMBER}",
    rf"(?s:(?P<taken>\w+) = {CLOCK} - (?:(?!\ndef ).)*?assert (?P=taken)) < {NUMBER}",
    rf"for \w+ in range\({NUMBER}\):\n(?:  .*\n)*?.*\bbreak\n +time\.sleep\({NUMBER}\)",
]


def impatient(text):
    """What a busy machine may trip, of the text of a test file."""
    found = [match.group() for match in IN_ALL_TESTS.finditer(text)]
    for rule in LIMITS:
        for match in re.finditer(rule, text):
            seconds = 1.0
            for number in match.groups():
                seconds *= float(number) if number[0].isdigit() else 1.0
            if 0.5 <= seconds < LONG:  # what waits for less doesn't wait for another process
                found.append(match.group())
    return found


def test_no_test_leans_on_the_speed_of_the_machine():
    read = {*FILES} - {"conftest.py", "test_busy_machine.py"}
    found = {path: impatient((TESTS / path).read_text(encoding="utf-8")) for path in read}
    assert {path: said for path, said in found.items() if said} == {}


def test_hypothesis_has_no_clock():
    assert settings.default.deadline is None
    assert HealthCheck.too_slow in settings.default.suppress_health_check


@pytest.mark.parametrize(
    "text",
    [
        "@settings(max_examples=3, deadline=500)\n",
        "@settings(suppress_health_check=[])\n",
        "    process.communicate(timeout=5)\n",
        "    thread.join(10)\n",
        "    begin = time.monotonic()\n    assert time.monotonic() - begin < 8\n",
        "    begin = time.time()\n    took = time.time() - begin\n    assert len(x) == 2\n    assert took < 2.5\n",
        "    until = time.monotonic() + 20\n",
        "    for _ in range(20):\n        if ready():\n            break\n        time.sleep(0.5)\n",
    ],
)
def test_what_a_busy_machine_trips_is_found(text):
    assert len(impatient(text)) == 1
