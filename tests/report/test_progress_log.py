"""A log of progress: what its stream does not take is dropped, and the run goes on."""

from __future__ import annotations

import io

import pytest

from pyalign.report.progress import ProgressLog


class Full(io.StringIO):
    def write(self, text):
        raise OSError(28, "No space left on device")


def closed():
    stream = io.StringIO()
    stream.close()
    return stream


@pytest.mark.parametrize("make", [closed, Full, lambda: io.TextIOWrapper(io.BytesIO(), encoding="ascii")],
                         ids=["closed", "full", "ascii"])
def test_a_line_that_the_stream_does_not_take_is_dropped(make):
    log = ProgressLog(make(), clock=lambda: 0.0, interval=0.0)
    log.show("größer 3/5")


def test_a_line_after_one_that_was_dropped_is_written():
    raw = io.BytesIO()
    log = ProgressLog(io.TextIOWrapper(raw, encoding="ascii"), clock=lambda: 0.0, interval=0.0)
    log.show("größer 3/5")
    log.show("fold 4/5")
    assert raw.getvalue() == b"progress after 0 min: fold 4/5\n"
