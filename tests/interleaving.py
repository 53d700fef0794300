"""Two processes interleaved: one is stopped at a call that changes or reads a folder until the other ends or waits.

A forked process stops itself by SIGSTOP before the call with some number; the other goes on to its end, and continues
the first where it waits for a lock, or sleeps to look again. No time is waited for: the system says when a process has
stopped or ended.

Calls are those of an audit hook, which sees them however they are reached, of files that are opened for writing, of
clocks, and of `os.stat`, which gives the times of files.
"""

from __future__ import annotations

import builtins
import errno
import fcntl
import io
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

MOVES = ("os.remove", "os.rename")
CALLS = (
    *MOVES, "open", "os.link", "os.mkdir", "os.rmdir", "os.utime", "os.write", "os.fsync", "os.stat", "fcntl.flock",
    "time.time",
)
LOCKS = ("work", "fail", "everybody has them")
POLLS, NAP = 3, 0.002  # times that a process looks again before the other goes on; seconds in between
ALTERING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


@dataclass(frozen=True)
class Clocks:
    """Clocks that differ by so many seconds.

    second: how far ahead of the first process the clock of the second is.
    files: how much younger the files are that the first has written when it is stopped, as on a disk of a machine with
    a clock of its own.
    """

    second: float = 0.0
    files: float = 0.0


# What a process does


def in_a_process(run, told=os.devnull):
    """Calls it in a forked process that writes what it prints to the file; its number. `run` gives its exit code."""
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        code = 99
        try:
            out = os.open(told, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            os.dup2(out, 1)
            os.dup2(out, 2)
            sys.stdout = sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
            code = run()
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(code)
    return child


def code_of(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def with_locks(kind, waits=lambda: None):
    """In this process: locks that work, fail, or are given to everybody; `waits` is called before one is waited for."""
    real = fcntl.flock

    def flock(descriptor, operation):
        if kind == "fail":
            raise OSError(errno.ENOLCK, "No locks available")
        if kind == "work":
            try:
                real(descriptor, operation | fcntl.LOCK_NB)
            except BlockingIOError:
                if operation & fcntl.LOCK_NB:
                    raise
                waits()
                real(descriptor, operation)

    fcntl.flock = flock


def with_naps(waits=lambda: None):
    """In this process: whoever sleeps, to look again, sleeps for a moment; `waits` is called after a few times."""
    real, count = time.sleep, [0]

    def sleep(seconds):
        count[0] += 1
        if count[0] >= POLLS:
            waits()
        real(min(seconds, NAP))

    time.sleep = sleep


def with_clock(ahead):
    """In this process: the clock is so many seconds ahead."""
    if ahead:
        seconds, nanoseconds = time.time, time.time_ns
        time.time, time.time_ns = lambda: seconds() + ahead, lambda: nanoseconds() + int(ahead * 1e9)


def at_calls(folder, called, calls=CALLS):  # noqa: C901
    """In this process: `called` gets the name and the path of each of these calls, before it is made there.

    Those of temporary files count where any but moves are asked for.
    """
    whole, busy = os.path.realpath(folder), [False]

    def report(name, path, descriptor=None):
        if busy[0] or name not in calls:
            return
        busy[0] = True
        try:
            place = _place(path, descriptor)
            inside = f"{place}/".startswith(f"{whole}/")
            if calls is MOVES and place is not None:
                inside = os.path.dirname(place) == whole and not place.endswith(".tmp")
            if inside or name == "time.time":
                called(name, place)
        finally:
            busy[0] = False

    def hear(event, given):
        if event == "open" and isinstance(given[2], int) and given[2] & ALTERING:
            report(event, given[0])
        elif event in ("os.rename", "os.link"):
            report(event, given[1], given[3])
        elif event in ("os.remove", "os.rmdir"):
            report(event, given[0], given[1])
        elif event in ("os.mkdir", "os.utime"):
            report(event, given[0], given[-1])

    sys.addaudithook(hear)
    if set(calls) - {*MOVES}:
        _hear_the_rest(report)


def _place(path, descriptor):
    """The path of a file by its number or its name, in the folder of that number if there is one."""
    if isinstance(path, int):
        path = f"/proc/self/fd/{path}"
        return os.readlink(path) if os.path.islink(path) else None
    if path is None or path == "":
        return None
    above = f"/proc/self/fd/{descriptor}" if isinstance(descriptor, int) and descriptor >= 0 else ""
    return os.path.abspath(os.path.join(os.path.realpath(above) if above else "", os.fsdecode(path)))


def _hear_the_rest(report):
    """Calls that have no event: writes, clocks, and what others have replaced already."""

    class Raw(io.FileIO):
        def write(self, data):
            report("os.write", self.fileno())
            return super().write(data)

    def opened(file, mode="r", buffering=-1, encoding=None, errors=None, newline=None, closefd=True, opener=None):
        if not set(mode) & set("wax+") or buffering == 0:
            return real_open(file, mode, buffering, encoding, errors, newline, closefd, opener)
        raw = Raw(file, mode.replace("b", "").replace("t", ""), closefd, opener)
        held = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        if "b" in mode:
            return held
        text = io.TextIOWrapper(held, encoding, errors, newline, buffering == 1)
        text.mode = mode
        return text

    def before(name, real):
        def call(*given, **options):
            report(name, given[0] if given else None, options.get("dir_fd"))
            return real(*given, **options)

        return call

    real_open = io.open
    io.open = builtins.open = opened
    os.fsync = lambda descriptor: None  # nobody pulls the plug
    for owner, name in ((os, "write"), (os, "fsync"), (os, "stat"), (os, "lstat"), (os, "fstat"), (fcntl, "flock")):
        kind = "os.stat" if name.endswith("stat") else f"{owner.__name__}.{name}"
        setattr(owner, name, before(kind, getattr(owner, name)))
    for name in ("time", "time_ns"):
        setattr(time, name, before("time.time", getattr(time, name)))
    os.sendfile = _unsupported  # shutil then reads and writes


def _unsupported(*_):
    raise OSError(errno.ENOTSOCK, os.strerror(errno.ENOTSOCK))


# Two of them


def calls_of(run, folder, calls=CALLS):
    """What such a process calls there: names and paths, in their order, and its exit code."""
    told = Path(f"{folder}.calls")

    def counted():
        found = []
        with_naps()
        at_calls(folder, lambda name, path: found.append(f"{name} {path}"), calls)
        code = run()
        told.write_text("\n".join(found))
        return code

    code = code_of(in_a_process(counted))
    found = told.read_text().splitlines()
    told.unlink()
    return found, code


def spread(count, most):
    """At most so many of the numbers below `count`, evenly, with the first and the last.

    Example:
        >>> spread(5, 10), spread(10, 4)
        ([0, 1, 2, 3, 4], [0, 3, 6, 9])
    """
    most = min(count, most)
    return sorted({round(k * (count - 1) / max(1, most - 1)) for k in range(most)})


@dataclass(frozen=True)
class Ended:
    """How two processes have ended.

    Attributes:
        codes: their exit codes.
        told: what each has printed.
        was_stopped: whether the first was stopped at its point while the other ran.
    """

    codes: tuple[int, int]
    told: tuple[str, str]
    was_stopped: bool


def both(
    first: Callable[[], int], second: Callable[[], int], folder, point, locks="work", calls=CALLS, clocks=Clocks()
):
    """Both processes run to their ends; the first is stopped at that call of those that it makes in the folder."""
    logs = [Path(f"{folder}.told{k}") for k in (1, 2)]

    def run_first():
        left = [point]

        def called(*_):
            left[0] -= 1
            if left[0] == -1:
                os.kill(os.getpid(), signal.SIGSTOP)  # with all its threads

        with_naps()
        with_locks(locks)
        at_calls(folder, called, calls)
        return first()

    one = in_a_process(run_first, logs[0])
    status = os.waitpid(one, os.WUNTRACED)[1]
    was_stopped = os.WIFSTOPPED(status)

    def go_on():
        if was_stopped:
            os.kill(one, signal.SIGCONT)

    def run_second():
        with_naps(go_on)
        with_locks(locks, go_on)
        with_clock(clocks.second)
        return second()

    _age(folder, clocks.files)
    try:
        other = code_of(in_a_process(run_second, logs[1]))
    finally:
        go_on()
        code = code_of(one) if was_stopped else os.waitstatus_to_exitcode(status)
    told = tuple(log.read_text() for log in logs)
    for log in logs:
        log.unlink()
    return Ended((code, other), told, was_stopped)


def _age(folder, seconds):
    """Gives the files there other times: younger by so many seconds."""
    for place, folders, files in os.walk(folder) if seconds else ():
        for name in (*folders, *files):
            path = os.path.join(place, name)
            moment = os.lstat(path).st_mtime + seconds
            os.utime(path, (moment, moment), follow_symlinks=False)


def interleaved(first, second, folder, point, locks):
    """Exit codes of two processes, and whether the first was stopped at the file of that number that it moves."""
    ended = both(first, second, folder, point, locks, MOVES)
    return ended.codes, ended.was_stopped
