"""Runs of one extraction in one folder at once, interleaved at every write: the bytes are those of one run.

Locks are made to fail, or to be given to everybody, as on file systems where they don't reach other machines.
"""

from __future__ import annotations

import errno
import fcntl
import glob
import itertools
import os
import shutil
import subprocess
import threading

import numpy as np
import pytest

from pyalign.errors import InputError
from pyalign.extraction.extract import extract
from pyalign.extraction.finished import read_finished
from pyalign.extraction.sources import load_encoder
from pyalign.io.write import run_name

Image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
WRITES = ("mkdir", "replace", "unlink", "rmdir")
UNTIL_THE_END = 10_000


class Turns:
    """Threads of which one runs at a time, up to its next write."""

    def __init__(self, monkeypatch):
        self.turn, self.back = {}, threading.Semaphore(0)
        for name in WRITES:
            monkeypatch.setattr(os, name, self.stopping(getattr(os, name)))

    def stopping(self, write):
        """The same function, before which a thread waits for its turn."""

        def stopped(*args, **options):
            if threading.current_thread() in self.turn:
                self.back.release()
                self.turn[threading.current_thread()].acquire()
            return write(*args, **options)

        return stopped

    def run(self, actions, schedule):
        """Runs all actions: pairs of (which, how many writes), then each to its end. Gives what each has returned."""
        found = [None] * len(actions)

        def whole(k):
            self.turn[threading.current_thread()].acquire()
            try:
                found[k] = actions[k]()
            except BaseException as error:
                found[k] = error
            del self.turn[threading.current_thread()]
            self.back.release()

        threads = [threading.Thread(target=whole, args=(k,)) for k in range(len(actions))]
        self.turn = {thread: threading.Semaphore(0) for thread in threads}
        for thread in threads:
            thread.start()
        taken = [0] * len(actions)
        for k, count in (*schedule, *((k, UNTIL_THE_END) for k in range(len(actions)))):
            for _ in range(count):
                if threads[k] not in self.turn:
                    break
                self.turn[threads[k]].release()
                self.back.acquire()
                taken[k] += 1
        for thread in threads:
            thread.join()
        return found, taken


@pytest.fixture(params=["locks fail", "everybody has the lock"])
def turns(request, tmp_path, monkeypatch):
    """A folder `p` of 4 pictures, a finished extraction `once` of them, and no locks."""
    (tmp_path / "p").mkdir()
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for k in range(4):
        Image.fromarray(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)).save(f"p/{k}.bmp")
    extraction("once")()

    def flock(descriptor, operation):
        if request.param == "locks fail":
            raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", flock)
    return Turns(monkeypatch)


def extraction(out, resume=True):
    encoder = load_encoder("pixels:2")
    return lambda: extract(encoder, "p", out=out, batch_size=2, n_jobs=1, resume=resume)


def contents(folder):
    """The bytes of each file but the manifest, which holds times."""
    found = {name: open(f"{folder}/{name}", "rb").read() for name in os.listdir(folder)}  # noqa: SIM115
    assert found.pop("manifest.json")
    return found


def check(turns, schedule, runs=2):
    found, taken = turns.run([extraction("e")] * runs, schedule)
    for one in found:
        if isinstance(one, BaseException):
            raise AssertionError(f"schedule {schedule}: {one!r}") from one
        assert one["penultimate"].shape == (4, 12)
    assert contents("e") == contents("once"), schedule
    shutil.rmtree("e")
    return taken


def test_two_runs_one_of_which_stops_at_a_write_for_the_whole_other(turns):
    writes = check(turns, [])[0]
    assert writes > 15
    for stop in range(writes):
        check(turns, [(0, stop), (1, UNTIL_THE_END)])


@pytest.mark.slow
def test_two_runs_that_take_turns_at_any_two_writes(turns):
    writes = check(turns, [])[0]
    for first, second in itertools.product(range(writes), range(1, writes + 4)):
        check(turns, [(0, first), (1, second)])


def test_three_runs_that_take_turns_at_random(turns):
    rng = np.random.default_rng(0)
    for _ in range(15):
        check(turns, [(int(rng.integers(3)), int(rng.integers(1, 5))) for _ in range(40)], runs=3)


def test_a_run_that_begins_without_resume_meanwhile_is_refused_or_ends_in_the_same_bytes(turns):
    ended = set()
    for stop in range(25):
        found, _ = turns.run([extraction("e", False), extraction("e", False)], [(0, stop), (1, UNTIL_THE_END)])
        ended |= {type(one).__name__ for one in found}
        assert all(not isinstance(one, BaseException) or type(one) is InputError for one in found), found
        assert contents("e") == contents("once")
        shutil.rmtree("e")
    assert ended == {"Extraction", "InputError"}


def test_a_run_of_other_settings_does_not_get_the_rows_of_the_one_that_has_finished(turns):
    def other():
        return extract("pixels:3", "p", out="e", batch_size=2, n_jobs=1, resume=True)

    ended = set()
    for stop in range(20):
        found, _ = turns.run([other, extraction("e")], [(0, stop), (1, UNTIL_THE_END)])
        for one, side in zip(found, (3, 2), strict=True):
            if isinstance(one, BaseException):
                assert type(one).__mro__[1] is InputError or type(one) is InputError, (stop, one)
            else:
                assert one["penultimate"].shape == (4, 3 * side * side), stop
            ended.add((side, type(one).__name__))
        shutil.rmtree("e")
    assert (3, "OtherExtraction") in ended and (2, "Extraction") in ended


def test_runs_beside_one_that_was_killed_end_in_the_same_bytes(turns):
    ended = subprocess.Popen(["true"])
    ended.wait()
    encoder = load_encoder("pixels:2")
    real = encoder.run

    def run(*given):
        if glob.glob("e/.unfinished/*/part-*"):
            raise KeyboardInterrupt
        return real(*given)

    encoder.run = run
    for stop in range(25):
        with pytest.raises(KeyboardInterrupt):
            extract(encoder, "p", out="e", batch_size=2, n_jobs=1)
        os.mkdir(f"e/.unfinished/{run_name().replace(f'-{os.getpid()}-', f'-{ended.pid}-')}.new")
        check(turns, [(0, stop), (1, UNTIL_THE_END)])


def test_two_runs_with_different_bytes_never_stand_together_as_finished(turns):
    def spoiled():
        encoder = load_encoder("pixels:2")
        real = encoder.run
        encoder.run = lambda *given: [part + 1 for part in real(*given)]
        return extract(encoder, "p", out="e", batch_size=2, n_jobs=1, resume=True)

    outcomes = set()
    for stop in range(4, 40):  # each has begun before the other has a batch to take over
        turns.run([spoiled, extraction("e")], [(0, 4), (1, stop), (0, UNTIL_THE_END)])
        if os.path.exists("e/manifest.json"):
            outcomes.add(float(read_finished("e").extraction["penultimate"].values.max()) > 1)
        else:
            outcomes.add("neither")
        shutil.rmtree("e")
    assert {True, False} <= outcomes


def test_rows_that_were_changed_meanwhile_are_noticed(turns, message_of):
    encoder = load_encoder("pixels:2")
    real = encoder.run

    def run(*given):
        for part in glob.glob("e/.unfinished/*/part-00000"):
            with open(part, "r+b") as file:
                file.seek(-1, os.SEEK_END)
                file.write(b"\xff")
        return real(*given)

    encoder.run = run
    message = message_of(lambda: extract(encoder, "p", out="e", batch_size=2, n_jobs=1))
    assert message.endswith("was changed meanwhile, or two runs write different rows at once; start one again")
    assert not os.path.exists("e/manifest.json")
    found = extraction("e")()
    assert found.n_rows == 4 and contents("e") == contents("once")
