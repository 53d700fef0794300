"""Studies that are killed and go on, and two that are started at once."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from small_study import TEXT, documents

import pyalign
from pyalign.errors import InputError
from pyalign.study.folder import StudyFolder

MOMENTS, BY_TIME = 10, 3
COMMAND = [sys.executable, "-m", "pyalign", "study", "run", "small.toml", "--quiet", "--threads", "1", "--out"]
# Each moment at which the disk changes is a place to die; which of them, the seed decides.
DYING = """
import os, random, signal, sys
at = int(sys.argv[1])
left = [at]
def counted(real):
    def call(*arguments, **options):
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments, **options)
    return call
os.replace, os.unlink, os.fsync = counted(os.replace), counted(os.unlink), counted(os.fsync)
import pyalign
try:
    pyalign.run_study("small.toml", sys.argv[2])
finally:
    print(at - left[0], file=sys.stderr)
"""


def die(at, out):
    return subprocess.run([sys.executable, "-c", DYING, str(at), out], capture_output=True, text=True)


@pytest.mark.slow
def test_killed_in_the_middle_and_resumed_it_has_the_same_documents(folder):
    """By the clock, whatever it is doing."""
    began = time.monotonic()
    subprocess.run([*COMMAND, "whole"], check=True, stdout=subprocess.DEVNULL)
    took = time.monotonic() - began
    rng, killed = random.Random(16), 0
    for moment in sorted(rng.uniform(0.2, 0.9) for _ in range(BY_TIME)):
        process = subprocess.Popen([*COMMAND, "killed"], stdout=subprocess.DEVNULL)
        time.sleep(moment * took)
        process.send_signal(signal.SIGKILL)
        killed += process.wait() == -signal.SIGKILL
    subprocess.run([*COMMAND, "killed"], check=True, stdout=subprocess.DEVNULL)
    assert killed >= 1
    assert documents("killed") == documents("whole")


@pytest.mark.slow
def test_killed_at_ten_random_moments_and_resumed_it_has_the_same_documents(folder):
    changes = int(die(1 << 30, "whole").stderr.splitlines()[-1])
    rng = random.Random(16)
    done = 0
    for at in sorted(rng.sample(range(1, changes // 2), MOMENTS)):
        found = die(at, "killed")
        assert found.returncode in (0, -signal.SIGKILL), found.stderr
        done += found.returncode == -signal.SIGKILL
    assert die(1 << 30, "killed").returncode == 0
    assert done >= 3
    assert documents("killed") == documents("whole")
    assert not [name for name in documents("killed") if ".tmp" in name]


def test_two_at_once_in_one_folder_is_one_line(folder):
    with StudyFolder("small"), pytest.raises(InputError, match="small: another run is writing this study"):
        pyalign.run_study("small.toml")
    assert not pyalign.run_study("small.toml").failed  # the lock goes with its owner


@pytest.mark.slow
def test_an_extraction_that_is_killed_goes_on_and_gives_the_same(folder):
    pytest.importorskip("torch")
    from PIL import Image

    os.makedirs("photos")
    for k in range(24):
        Image.new("RGB", (12, 12), (k * 10, 255 - k * 10, 40)).save(f"photos/object-{k}.png")
    text = TEXT.replace('b = { file = "b.npy" }', 'b = { extract = "pixels:2", images = "photos", batch_size = 2 }')
    Path("small.toml").write_text(text.partition("[steps.concepts]")[0])
    whole = pyalign.run_study("small.toml", "whole")
    assert not whole.failed, whole
    found = die(6, "killed")
    assert found.returncode == -signal.SIGKILL
    again = pyalign.run_study("small.toml", "killed", resume=True)
    assert not again.failed
    assert documents("killed") == documents("whole")
    Image.new("RGB", (12, 12), (1, 2, 3)).save("photos/object-3.png")
    how = {step.name: step.how for step in pyalign.run_study("small.toml", "killed").steps}
    assert how["extract (b)"] == how["score"] == "made" and how["ceiling"] == "as it was"
