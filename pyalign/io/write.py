"""Locks of files, which each system has in its own way.

Files that a run keeps for itself while it works: its lock, its journal, its rows.

Writing: all the files or none, never half of one, in folders that are made where they are missing.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import lru_cache, partial
from itertools import zip_longest
from typing import IO, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from pyalign.errors import InputError
from pyalign.io.paths import PathLike, bad, checked_path

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


def unlock(descriptor: int) -> None:
    """Ends the lock of an open file also for processes that were forked meanwhile, which have the file open too."""
    if sys.platform != "win32":
        fcntl.flock(descriptor, fcntl.LOCK_UN)


def lock(descriptor: int, wait: bool = False) -> bool | None:
    """Whether the file is this process's until it is closed; None where the file system has no locks.

    Locks save work: two runs of one extraction need not both run a model. What is written is right without them.

    Args:
        descriptor: an open file.
        wait: for another process to close it, instead of returning False. On Windows for 10 seconds at most.
    """
    try:
        if sys.platform == "win32":
            msvcrt.locking(descriptor, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        return False if sys.platform == "win32" and isinstance(error, PermissionError) else None
    return True


RUN = re.compile(r"\w*-(?P<process>\d+)-(?P<machine>[0-9a-f]{8})[0-9a-f]{8}")  # see `run_name`
APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT
CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL
READ = os.O_RDONLY
SAFE = sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY"))


def open_own(path: PathLike, flags: int) -> IO[bytes]:
    """A file of the run, opened with `APPEND`, `CREATE` or `READ`; buffered."""
    try:
        descriptor = os.open(path, flags | SAFE, 0o666)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EMLINK) or (error.errno == errno.EEXIST and os.path.islink(path)):
            raise bad(path, "is a link, which is not followed") from error
        if error.errno in (errno.EISDIR, errno.ENXIO):  # a folder, or a pipe that nobody reads
            raise bad(path, "is not a regular file") from error
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise bad(path, "is not a regular file")
    return open(path, "rb" if flags == READ else "wb", opener=lambda *_: descriptor)  # which keeps its name


def require_no_link(path: PathLike) -> None:
    """Raises InputError where a link is at the path."""
    if os.path.islink(path):
        raise bad(path, "is a link, which is not followed")


def take_lock(path: PathLike) -> IO[bytes] | None:
    """The lock file at the path, held until it is closed; None where another run holds it.

    It is never removed, since another run may have it open.
    """
    file = open_own(path, APPEND)
    if lock(file.fileno()) is False:
        file.close()
        return None
    return file


@contextmanager
def hold_lock(path: PathLike) -> Iterator[None]:
    """Inside, the lock file at the path is held; whoever holds it is waited for. It is never removed.

    For what takes no time, such as writing a small file again. Where the file system has no locks there is none.
    """
    with open_own(path, APPEND) as file:
        lock(file.fileno(), wait=True)
        yield


def run_name() -> str:
    """HOST-PROCESS-RANDOM, by which the files of a run are known from those of others.

    The first half of RANDOM is of the machine, since it was started, and of the container: numbers of processes mean
    something there alone.
    """
    return f"{host_name()}-{os.getpid()}-{_machine()}{os.urandom(4).hex()}"


def has_ended(name: str) -> bool:
    """Whether the run of a `run_name` was one of this machine and its process is gone; of others nobody can tell."""
    match = RUN.fullmatch(name)
    if match is None or match["machine"] != _machine():
        return False
    try:
        os.kill(int(match["process"]), 0)
    except (ProcessLookupError, OverflowError):
        return True
    except OSError:
        return False
    return False


def is_of_this_process(name: str) -> bool:
    """Whether a `run_name` is of a run of this very process."""
    match = RUN.fullmatch(name)
    return match is not None and match["machine"] == _machine() and int(match["process"]) == os.getpid()


@lru_cache(maxsize=1)
def _machine() -> str:
    """Eight letters that tell this machine, since it was started, and the container in which this process counts."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            known = f"{file.read()} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        known = f"{os.uname()}"
    return hashlib.sha256(known.encode()).hexdigest()[:8]


def host_name() -> str:
    """The name of this machine, as it may stand in that of a file."""
    return re.sub(r"[^A-Za-z0-9_]", "_", os.uname().nodename)[:32]


Content: TypeAlias = "npt.NDArray[Any] | str | bytes | Iterable[bytes]"  # pieces are taken once
STREAMS = ("/dev/std", "/dev/fd/", "/proc/")  # names of what is open already, also where that is a plain file
MARK = re.compile(r"\.pyalign-(?P<run>\w*-\d+-[0-9a-f]{8,16})\.tmp$")
AWAY = 3600.0  # seconds without a write, after which one is stale whose process this machine may not see
PATIENCE = 20.0  # seconds to wait for a process that moves files into the same folder
LONGEST = 180  # bytes of the name that is kept: a file system takes 255 in all


def write_array(path: PathLike, array: npt.ArrayLike) -> None:
    """Write a ``.npy`` file: next to its place first, then moved there in one step.

    An existing file is replaced or, on any failure, left as it was. The folders of the path are made where they are
    missing. Raises OSError (disk full, forbidden).
    """
    write_files([(path, np.asarray(array))])


def write_text(path: PathLike, text: str, follow_links: bool = True) -> None:
    """Write a UTF-8 text file, in the same way."""
    write_files([(path, text)], follow_links)


def write_files(files: Iterable[tuple[PathLike, Content]], follow_links: bool = True) -> None:
    """Write several files (an array as ``.npy``): all next to their places first, and moved there when all are whole.

    A pipe or a device is written into last, and never replaced; see `Files`.
    """
    with Files(follow_links) as pending:
        for path, content in files:
            pending.add(path, content)
        pending.commit()


class Files:
    """Files that appear together: each is written next to its place, and `commit` moves all of them there.

    They are moved in the order in which they were added: where the last is there, all of them are. Those of an earlier
    run go first, all but the one that the first replaces: whenever a process is killed, files of two runs never stand
    together. Nor do those of two that write at once: one waits, by a lock of the folder, until the other has moved its
    files. Where there are no locks, one that finds files of another among its own removes its own, which is an error.
    Folders that are missing are made, and removed again where no file is written into them.

    Args:
        follow_links: whether a link stays and the file that it points to is replaced, as users of an output expect.
            What a run keeps for itself is written without: the link is replaced, and the file that it points to stays.
        sweep: whether what killed runs have left in the folders is removed, for which all names in them are read.
        sync: whether the files are on the disk before they are moved: a loss of power, too, then leaves none cut short.
    """

    def __init__(self, follow_links: bool = True, sweep: bool = True, sync: bool = True) -> None:
        self._follow_links, self._sweeps, self._syncs = follow_links, sweep, sync
        self._moves: list[tuple[PathLike, IO[bytes], str]] = []
        self._streams: list[tuple[PathLike, Content]] = []
        self._swept: set[str] = set()
        self._made: list[str] = []  # folders, the outer ones first

    def add(self, path: PathLike, content: Content, hashed: bool = False) -> str | None:
        """Writes one next to its place. Gives the SHA-256 of its bytes if asked; a pipe or a device has none."""
        if isinstance(content, np.ndarray) and content.dtype.hasobject:
            raise InputError(f"{checked_path(path)}: Python objects (dtype {content.dtype}) are not written")
        checked_path(path)
        with named(path):
            if self._follow_links and _is_stream(path):
                self._streams.append((path, content))
                return None
            folder, name = os.path.split(path)
            target = os.path.realpath(path) if self._follow_links else os.path.join(os.path.realpath(folder), name)
            self._make(os.path.dirname(target))
            handle = create_temporary(target)
            self._moves.append((path, handle, target))
            self._sweep(os.path.dirname(target), os.fstat(handle.fileno()).st_mtime)
            digest = hashlib.sha256() if hashed else None
            _fill(handle, content, digest)
            return None if digest is None else str(digest.hexdigest())

    def _make(self, folder: str) -> None:
        missing = []
        while not os.path.lexists(folder):
            missing.append(folder)
            folder = os.path.dirname(folder)
        for path in reversed(missing):
            with suppress(FileExistsError):  # another process has made it meanwhile
                os.mkdir(path)
                self._made.append(path)

    def _sweep(self, folder: str, now: float) -> None:
        if self._sweeps and folder not in self._swept:
            self._swept.add(folder)
            sweep_temporaries(folder, now)

    def commit(self) -> None:
        """Moves the files to their places as soon as all of them are on the disk, then writes into streams."""
        for path, handle, _ in self._moves:
            with named(path):
                handle.flush()
                if self._syncs:
                    os.fsync(handle.fileno())
        folders = {os.path.dirname(target) for _, _, target in self._moves} if len(self._moves) > 1 else set()
        with ExitStack() as locks:
            for folder in sorted(folders):  # in one order, so that no two processes wait for each other
                locks.enter_context(locked_folder(folder))
            self._move()
        written = [*self._made, *(target for _, _, target in self._moves)]
        for folder in {os.path.dirname(path) for path in written} if self._syncs else ():
            _sync_folder(folder)
        for path, content in self._streams:
            with named(path), open(path, "wb") as stream:
                _fill(stream, content)

    def _move(self) -> None:
        for path, _, target in self._moves[:0:-1]:
            with named(path), suppress(FileNotFoundError):
                os.unlink(target)
        for path, handle, target in self._moves:
            with named(path):
                os.replace(handle.name, target)
        if len(self._moves) > 1 and not all(_holds(target, handle) for _, handle, target in self._moves):
            for _, handle, target in self._moves:
                with suppress(FileNotFoundError):
                    if os.path.samestat(os.fstat(handle.fileno()), os.lstat(target)):
                        os.unlink(target)
            problem = "another process has written there at the same time, and nothing is written; run it again"
            raise bad(self._moves[-1][0], problem)

    def __enter__(self) -> Files:
        return self

    def __exit__(self, *reason: object) -> None:
        for _, handle, _ in self._moves:
            with suppress(OSError):
                os.unlink(handle.name)
            with suppress(OSError):  # what a full disk did not take
                handle.close()
        for folder in reversed(self._made):
            with suppress(OSError):  # it holds what was written
                os.rmdir(folder)


@contextmanager
def locked_folder(folder: str, patience: float = PATIENCE) -> Iterator[None]:
    """Inside, no other process moves files there that asks for it, unless one has held the lock for so many seconds.

    Where there are no locks, nobody is kept out. `_holds` then says whether the files are those of one process.
    """
    with ExitStack() as stack:
        with suppress(OSError):  # such as on Windows, which opens no folders
            descriptor = os.open(folder, os.O_RDONLY)
            stack.callback(os.close, descriptor)
            ends = time.monotonic() + patience
            while (ours := lock(descriptor)) is False and time.monotonic() < ends:
                time.sleep(0.01)
            if ours:
                stack.callback(unlock, descriptor)
        yield


def _holds(target: str, handle: IO[bytes]) -> bool:
    """Whether the file that was written is there, or one of the same bytes: some file systems number what is moved."""
    with suppress(FileNotFoundError):
        if os.path.samestat(os.fstat(handle.fileno()), os.lstat(target)):
            return True
        handle.seek(0)
        with open(target, "rb") as there:
            pieces = zip_longest(*(iter(partial(file.read, 1 << 20), b"") for file in (handle, there)))
            return all(ours == theirs for ours, theirs in pieces)
    return False


def _sync_folder(folder: str) -> None:
    with suppress(OSError):  # some file systems can't
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _is_stream(path: PathLike) -> bool:
    """Whether a pipe, a device or an open stream stands there. Raises where a folder does."""
    if os.fspath(path).startswith(STREAMS):
        return True
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return False
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    return not stat.S_ISREG(mode)


class _Plain:
    """Only ``write``: numpy then writes in pieces, and a full disk is reported with the system's reason."""

    def __init__(self, handle: IO[bytes], digest: Any) -> None:
        self.handle, self.digest = handle, digest

    def write(self, data: Any) -> int:
        if self.digest is not None:
            self.digest.update(data)
        return self.handle.write(data)


def _fill(handle: IO[bytes], content: Content, digest: Any = None) -> None:
    out = _Plain(handle, digest)
    if isinstance(content, np.ndarray):
        np.lib.format.write_array(out, content, allow_pickle=False)
    elif isinstance(content, str | bytes):
        out.write(_encoded(content) if isinstance(content, str) else content)
    else:
        for piece in content:
            out.write(piece)


def _encoded(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputError(f"text must be Unicode to be written; got {text[error.start : error.end]!r:.40}") from error


@contextmanager
def named(path: PathLike) -> Iterator[None]:
    """A system error names the file that was asked for, not the one next to it."""
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, os.fspath(path)) from error


def create_temporary(target: str) -> IO[bytes]:
    """A new file beside `target`, open and, where the file system has locks, locked until it is closed."""
    folder, name = os.path.split(target)
    kept = os.fsdecode(os.fsencode(name)[:LONGEST])
    while True:
        # "x": never another's file; permissions follow the umask, which tempfile's would not
        handle = open(os.path.join(folder, f"{kept}.pyalign-{run_name()}.tmp"), "x+b")  # noqa: SIM115
        lock(handle.fileno())
        if os.path.exists(handle.name):  # and was not swept before it was locked, by a clock that is wrong
            return handle
        handle.close()


def sweep_temporaries(folder: str, now: float) -> None:
    """Removes what killed runs have left in a folder; what a live one writes stays, also one of another machine.

    now: of the clock that gives the folder's files their times.
    """
    temporaries = []
    with suppress(OSError), os.scandir(folder) as entries:
        temporaries = [(entry.path, mark["run"]) for entry in entries if (mark := MARK.search(entry.name))]
    for path, run in temporaries:
        with suppress(OSError):  # gone meanwhile, or another user's
            _remove_stale(path, has_ended(run), now)


def _remove_stale(path: str, ended: bool, now: float) -> None:
    """Locks don't reach other machines on every file system, some have none, and some give them to everybody."""
    descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        there, locked = os.fstat(descriptor), lock(descriptor)
        if stat.S_ISREG(there.st_mode) and locked is not False and (ended or now - there.st_mtime > AWAY):
            os.unlink(path)
    finally:
        os.close(descriptor)
