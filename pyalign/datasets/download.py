"""Downloads that resume where the last attempt, or the last run, stopped.

Received bytes are stored in FILE.HOST-PROCESS-RANDOM.part until the file is complete. A download resumes if the server
says that its file is unchanged (``If-Range``), or if a checksum is compared afterwards; otherwise it starts again. Each
run writes to a part of its own, even where locks are not shared between machines. Where they are, the second run waits.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from http.client import HTTPException
from pathlib import Path
from typing import IO, Any

from pyalign._process import Progress, silent
from pyalign._version import __version__
from pyalign.errors import InputError
from pyalign.io.paths import bad
from pyalign.io.write import CREATE, READ, RUN, has_ended, is_of_this_process, lock, locked_folder, open_own, run_name

TIMEOUT = 30.0  # seconds without a byte
ATTEMPTS, MOST = 6, 10_000  # in a row that brought nothing; in all
WAIT, LONGEST_WAIT = 1.0, 30.0  # seconds before another attempt: twice as many each time that brought nothing
CHUNK = 1 << 18
PASSING = (408, 425, 429, 500, 502, 503, 504)  # answers after which another attempt may do
UNREACHABLE = (errno.ENETUNREACH, errno.ENETDOWN)  # of a machine without a network, as is no address for a name

_live = set[Path]()  # parts that this process writes to


class _Cut(Exception):
    """The connection ended early, or could not be made."""


class _OfTheWeb(urllib.request.HTTPRedirectHandler):
    """Follows redirects to http and https only; urllib's own handler also follows them to ``ftp:``.

    answered: is called when a server has answered with a redirect.
    """

    def __init__(self, answered: Callable[[], None]) -> None:
        self._answered = answered

    def http_error_302(self, req: Any, fp: Any, code: int, msg: str, headers: Any) -> Any:
        self._answered()
        there = urllib.parse.urljoin(req.full_url, headers.get("Location") or "")
        if not is_address(there):
            raise bad(req.full_url, f"leads to {there:.200}, and addresses must start with https:// or http://")
        return super().http_error_302(req, fp, code, msg, headers)

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


class Resuming:
    """The part of one file: claimed first, then fetched; the caller checks it and moves it to its place.

    Args:
        part: FILE.part; received bytes are kept in FILE.HOST-PROCESS-RANDOM.part from one run to the next.
        progress: is called with bytes, and once where another process is waited for.

    Attributes:
        path: of the part of this run.
    """

    def __init__(self, part: Path, progress: Progress = silent) -> None:
        self._base, self._progress, self._has_hash = part, progress, False
        self.path = part.with_name(f"{part.stem}.{run_name()}.part")
        self._answered = False  # whether a server has, in this run: then there is a network
        self._total: int | None = None  # bytes of the whole file

    @property
    def _state(self) -> Path:
        return _state_of(self.path)

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """The part belongs to this run inside: it takes over what an earlier run left, and waits for a live one.

        The lock keeps other runs of this machine from fetching the same again. Without one they do no harm.
        """
        with self._own_part():
            _live.add(self.path)
            try:
                yield
            finally:
                _live.discard(self.path)
                self._tidy()

    def _own_part(self, waited_for: Path | None = None) -> IO[bytes]:
        """The file of this run's part, taken over or new, with a lock by which other runs see that it is in use."""
        whole = self._base.with_suffix("")  # locked as the part that it was, while it is unpacked
        first = (self._base,) if whole.is_symlink() else (whole, self._base)
        with ExitStack() as folder:
            folder.enter_context(locked_folder(os.fspath(self._base.parent)))
            for part in (*first, *sorted(self._base.parent.glob("*.part"))):
                name = part.name.removeprefix(f"{self._base.stem}.").removesuffix(".part")
                if part not in first and not (part.name.startswith(f"{self._base.stem}.") and RUN.fullmatch(name)):
                    continue
                with suppress(FileNotFoundError, PermissionError), ExitStack() as stack:  # gone, or another user's
                    handle = stack.enter_context(open_own(part, READ))
                    if lock(handle.fileno()) is False:
                        folder.close()
                        self._progress(f"{self._base.stem}, waiting for another process", 0, None)
                        lock(handle.fileno(), wait=True)
                        stack.close()
                        return self._own_part(part)
                    if part == whole:
                        continue
                    ended = part not in _live if is_of_this_process(name) else has_ended(name)
                    if ended or part in (self._base, waited_for):
                        os.rename(part, self.path)
                        with suppress(FileNotFoundError):
                            os.rename(_state_of(part), self._state)
                        stack.pop_all()
                        return handle
            lock((own := open_own(self.path, CREATE)).fileno())
            return own

    def _tidy(self) -> None:
        """Keeps an incomplete part for the next run, and removes an empty one."""
        with suppress(FileNotFoundError):
            if self._size():
                return
        self.discard()

    def discard(self) -> None:
        """Removes the part."""
        self.path.unlink(missing_ok=True)
        self._state.unlink(missing_ok=True)

    def fetch(self, url: str, has_hash: bool) -> None:
        """Fetches what is missing, inside `claimed`.

        has_hash: whether a checksum is compared afterwards; a download may then resume if the server does not say that
            its file is unchanged.
        """
        self._has_hash = has_hash
        left = ATTEMPTS
        for _ in range(MOST):
            before = self._size()
            try:
                if self._attempt(url):
                    return
                reason = "the connection ended early"
            except _Cut as cut:
                reason = str(cut)
            left = ATTEMPTS if self._size() > before else left - 1
            if left <= 0:
                break
            self._tell(self._size())
            time.sleep(min(WAIT * 2 ** (ATTEMPTS - left), LONGEST_WAIT))
        kept = f"; {self._size():,} bytes are kept, run it again to go on" if self._size() else ""
        raise bad(url, f"{ATTEMPTS} attempts in a row brought nothing: {reason}{kept}")

    def _size(self) -> int:
        return self.path.stat().st_size

    def _attempt(self, url: str) -> bool:
        """Appends received bytes; returns whether the file is complete."""
        have, request = self._request(url)
        try:
            response = urllib.request.build_opener(_OfTheWeb(self._has_answered)).open(request, timeout=TIMEOUT)
        except urllib.error.HTTPError as error:
            self._has_answered()
            return self._refused(url, error, have)
        except (urllib.error.URLError, HTTPException, OSError) as error:
            reason: Any = getattr(error, "reason", error)
            if not self._answered and _is_offline(reason):
                raise bad(url, self._without_network(url, reason)) from error
            raise _Cut(_reason(reason)) from error
        self._has_answered()
        with response:
            if response.headers.get_content_type() == "text/html":
                raise bad(url, "gives a page, not a file: is there a log-in in between?")
            first, self._total = _ranges(response)
            if first not in (0, have):
                os.truncate(self.path, 0)
                raise _Cut(f"the server gives bytes from {first}, not from {have}")
            have = first
            self._remember(url, response, have)
            with open(self.path, "r+b") as out:
                out.truncate(have)
                out.seek(have)
                while piece := _read(response):
                    out.write(piece)
                    have += len(piece)
                    self._tell(have)
        return self._total is None or have == self._total

    def _tell(self, have: int) -> None:
        self._progress(f"{self._base.stem}, bytes", have, self._total)

    def _has_answered(self) -> None:
        self._answered = True

    def _without_network(self, url: str, reason: OSError) -> str:
        host, target = urllib.parse.urlsplit(url).hostname, self._base.with_suffix("")
        problem = f"there seems to be no network: {host} cannot be reached ({reason.strerror})"
        return f"{problem}; with the file from elsewhere, save it as {target} and fetch again"

    def _request(self, url: str) -> tuple[int, urllib.request.Request]:
        have, record = self._size(), self._record()
        headers = {"User-Agent": f"pyalign/{__version__}", "Accept-Encoding": "identity"}
        same = record.get("validator") if record.get("url") == url else None
        if have and (same or self._has_hash):
            headers["Range"] = f"bytes={have}-"
            if same:
                headers["If-Range"] = str(same)
        else:
            have = 0
        return have, urllib.request.Request(url, headers=headers)

    def _refused(self, url: str, error: urllib.error.HTTPError, have: int) -> bool:
        with error:
            if error.code == 416:  # there is no more, or it is another file
                total = (error.headers.get("Content-Range") or "").rpartition("/")[2]
                if have and total == str(have):
                    return True
                os.truncate(self.path, 0)
                raise _Cut("the server has another file than the one that was begun") from error
            if error.code in PASSING:
                raise _Cut(f"{error.code} {error.reason}") from error
            raise bad(url, f"{error.code} {error.reason}") from error

    def _record(self) -> dict[str, Any]:
        with suppress(OSError, ValueError):
            record = json.loads(self._state.read_text(encoding="utf-8"))
            return record if isinstance(record, dict) else {}
        return {}

    def _remember(self, url: str, response: Any, have: int) -> None:
        if have == 0:
            tag = response.headers.get("ETag")
            strong = tag if tag and not tag.startswith("W/") else None
            record = {"url": url, "validator": strong or response.headers.get("Last-Modified")}
            self._state.unlink(missing_ok=True)  # it may be a link
            with open_own(self._state, CREATE) as file:
                file.write(json.dumps(record).encode())


def _state_of(part: Path) -> Path:
    """The file that records which file of the server a part belongs to."""
    return part.with_name(f"{part.name}.json")


def _ranges(response: Any) -> tuple[int, int | None]:
    """The first byte of a response (-1 if not stated) and the size of the whole file (None if unknown)."""
    if response.status == 206:
        content_range = response.headers.get("Content-Range") or ""
        start, total = content_range.removeprefix("bytes ").partition("-")[0], content_range.rpartition("/")[2]
        return int(start) if start.isdecimal() else -1, int(total) if total.isdecimal() else None
    length = response.headers.get("Content-Length") or ""
    return 0, int(length) if length.isdecimal() else None


def _read(response: Any) -> bytes:
    """The bytes that have arrived; `read` would wait for a full block and lose it if the connection ended."""
    try:
        piece: bytes = response.read1(CHUNK)
    except (HTTPException, OSError) as error:
        raise _Cut(_reason(error)) from error
    return piece


def _is_offline(error: object) -> bool:
    """Whether an error means that this machine has no network, so that retrying does not help."""
    return isinstance(error, socket.gaierror) or (isinstance(error, OSError) and error.errno in UNREACHABLE)


def _reason(error: object) -> str:
    if isinstance(error, TimeoutError):
        return f"nothing came for {TIMEOUT:g} s"
    return " ".join(str(error).split())[:120] or type(error).__name__


def is_address(url: str) -> bool:
    """Whether a text is an http or https address."""
    return url[:8].lower().startswith(("https://", "http://"))


def require_address(url: str, name: str) -> None:
    """Raises where it is not."""
    if not is_address(url):
        raise InputError(f"{name} must be an address that starts with https:// or http://; got {url!r:.80}")
