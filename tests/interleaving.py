"""Two processes interleaved: one is stopped at a call that moves or removes a file, until the other has ended or waits.

No time is waited for: pipes say when the first is stopped, and when the second asks for a lock or has ended.
"""

from __future__ import annotations

import errno
import fcntl
import os

CALLS = ("unlink", "replace")
LOCKS = ("work", "fail", "everybody has them")


def in_a_process(run):
    """Calls it in a forked process, and gives its number; it ends with the code that `run` gives."""
    child = os.fork()
    if child == 0:
        code = 99
        try:
            code = run()
        finally:
            os._exit(code)
    return child


def code_of(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def with_locks(kind, before=lambda: None):
    """In this process: locks that work, that fail, or that everybody gets; `before` each that is waited for."""
    real = fcntl.flock

    def flock(descriptor, operation):
        if not operation & fcntl.LOCK_NB:
            before()
        if kind == "fail":
            raise OSError(errno.ENOLCK, "No locks available")
        if kind == "work":
            try:
                real(descriptor, operation)
            except BlockingIOError:
                before()  # it is asked for again
                raise

    fcntl.flock = flock


def stop_at(point, folder, pause):
    """In this process: `pause` is called before the call with that number which moves or removes a file there."""
    left = [point]

    def counted(real):
        def call(*args, **options):
            if os.path.dirname(args[-1]) == folder and not str(args[-1]).endswith(".tmp"):
                left[0] -= 1
                if left[0] == -1:
                    pause()
            return real(*args, **options)

        return call

    for name in CALLS:
        setattr(os, name, counted(getattr(os, name)))


def interleaved(first, second, folder, point, locks):
    """Exit codes of two processes, and whether the first was stopped at that point while the other ran."""
    stopped, went_on = os.pipe(), os.pipe()

    def run_first():
        def pause():
            os.write(stopped[1], b"stopped")
            os.read(went_on[0], 1)

        with_locks(locks)
        stop_at(point, folder, pause)
        return first()

    def run_second():
        with_locks(locks, lambda: os.write(went_on[1], b"w") if locks == "work" else None)
        try:
            return second()
        finally:
            os.write(went_on[1], b"e")

    one = in_a_process(run_first)
    os.close(stopped[1])
    was_stopped = os.read(stopped[0], 7) == b"stopped"  # or nothing, where it has ended
    two = in_a_process(run_second)
    codes = code_of(one), code_of(two)
    for descriptor in (stopped[0], *went_on):
        os.close(descriptor)
    return codes, was_stopped
