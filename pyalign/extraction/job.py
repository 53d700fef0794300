"""An extraction while it runs: batch after batch through the model, rows to the sink, failures listed.

The last digits of rows depend on the CPU as well as on the model: libraries choose their kernels by the
instructions of the CPU, and divide sums among threads. Both are written down with the rows, and equal bytes are
promised where both are equal.

Memory that is freed and taken again and again is kept by the process while a model runs: the outputs of layers are of
megabytes, and glibc gives blocks of that size back to the system at once. Each pass then waits until the system has
cleared their pages again, which takes a convolutional network more than half of its time.

Batches of prepared items, made by threads while the model runs on the one before.
"""

from __future__ import annotations

import ctypes
import os
import platform
import re
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from functools import cached_property, lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from pyalign._dataclass import dataclass, field, replace
from pyalign._process import Progress
from pyalign._version import __version__
from pyalign.data.provenance import Provenance, fingerprint
from pyalign.data.transform import Transform
from pyalign.errors import InputError, Remedy, shorten
from pyalign.extraction.encoder import Encoder, Layer
from pyalign.extraction.extraction_result import ExtractedLayer, Extraction, Failure, Sink, state_of
from pyalign.extraction.finished import UNREADABLE, listing, other, sha256_of, sha256_of_items
from pyalign.extraction.unfinished import NAMES
from pyalign.parts import digest_of

NOT_FINITE = "the model gives numbers that are not finite"
# Instructions by which kernels differ, the latest first; those of 16-bit products stand next to them.
LEVELS = (("AVX512", "avx512f"), ("AVX2", "avx2"), ("AVX", "avx"), ("SVE", "sve"), ("NEON", "asimd"))
HALF = ("amx_bf16", "avx512_bf16", "bf16")
# By which users make torch, oneDNN, MKL or OpenBLAS take other kernels.
OVERRIDES = (
    "ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA", "ONEDNN_DEFAULT_FPMATH_MODE",
    "DNNL_DEFAULT_FPMATH_MODE", "MKL_CBWR", "MKL_ENABLE_INSTRUCTIONS", "OPENBLAS_CORETYPE",
)
TRIM_THRESHOLD, MMAP_THRESHOLD, MMAP_MAX = -1, -3, -4  # of glibc's mallopt
MOST = (1 << 31) - 1  # bytes that may be free
USUAL = {TRIM_THRESHOLD: 1 << 26, MMAP_THRESHOLD: 1 << 25, MMAP_MAX: 1 << 16}  # where glibc's own rules lead to
_runs, _lock = 0, Lock()


def numbers_of(total: int, size: int, shard: tuple[int, int] | None) -> range:
    """The batches of a part: whole ones, so that parts give the bytes of the whole.

    Example:
        >>> numbers_of(10, 3, (1, 2)), numbers_of(10, 3, (2, 2))
        (range(0, 2), range(2, 4))
    """
    count = -(-total // size)
    part, parts = shard or (1, 1)
    return range((part - 1) * count // parts, part * count // parts)


@dataclass
class Job:
    """One extraction."""

    # encoder, layers: what is run.
    encoder: Encoder
    layers: tuple[Layer, ...]
    # with `names`, `order`, `source`, `notes` and `open`, which gives the item of a position as it is there.
    items: Any
    decode: Callable[[Any], Any]  # makes of that what the encoder prepares; called by several threads.
    # batch_size, numbers: items in a batch, and which batches.
    batch_size: int
    numbers: range
    map: Transform | None = None  # of the rows, or None.
    skip: bool = False  # whether items that can't be read are left out.
    shard: tuple[int, int] | None = None
    # meta, options: for the manifest: what the user adds, and what was asked for.
    meta: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    decoder: str | None = None
    background: tuple[int, int, int] | None = None
    prompt: str | None = None  # in which texts stand, or None; `decode` applies it.

    @cached_property
    def settings(self) -> dict[str, Any]:
        """What else decides the rows, by the names that an `Extraction` has for it."""
        encoder, preprocessing = self.encoder, dict(self.encoder.preprocessing)
        if encoder.modality == "texts":  # with what was done to them before
            preprocessing = {"underscores": "blanks", "prompt": self.prompt, **preprocessing}
        return {
            "names_sha256": sha256_of("\n".join(self.items.names)), "preprocessing": preprocessing,
            "decoder": self.decoder, "background": self.background, "precision": encoder.precision,
            "batch_size": self.batch_size, "shard": self.shard,
            "transform": None if self.map is None else transform_document(self.map),
            "versions": {"pyalign": __version__, **encoder.versions}, "model_threads": encoder.threads,
            "processor": describe_processor(encoder.device), "device": encoder.device,
        }

    @property
    def first(self) -> int:
        """The first position of the part."""
        return self.numbers.start * self.batch_size

    @property
    def last(self) -> int:
        """One after its last."""
        return min(len(self.items.names), self.numbers.stop * self.batch_size)

    @property
    def _where(self) -> str:
        return "" if self.items.source is None else f"{self.items.source}: "

    def state(self) -> dict[str, Any]:
        """All that decides the rows but what is in the items."""
        return state_of(self.settings, self.encoder.spec, self.encoder.weights.sha256, self.layers)

    def run(self, sink: Sink, workers: int, progress: Progress) -> Extraction:
        """Runs the model from where the sink is to the end."""
        known, sound = dict[int, str](), True
        for number, done in sink.done.items():
            positions = self._positions(number)
            sound &= number in self.numbers and done.rows + len(done.failures) == len(done.items) == len(positions)
            sound &= {failure.name for failure in done.failures} <= {self.items.names[k] for k in positions}
            known.update(zip(positions, done.items, strict=False))
        if not sound:
            raise other(sink.path, "was changed since an interrupted run has left it; remove it to begin again")
        self.require_readable(sink.failures)
        self.require_items(sink.path, known, workers, progress)
        try:
            self._pass(sink, workers, progress)
            extraction = self._finish(sink)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(sink.left(self.last - self.first)) from None
        return replace(extraction, notes=(*extraction.notes, *sink.notes))

    def require_readable(self, failures: Sequence[Failure]) -> None:
        """Raises where items could not be read, unless these are left out."""
        if failures and not self.skip:
            what = f'({Remedy("unreadable", "omit")} leaves such {self.encoder.modality} out)'
            raise InputError(f"{self._where}{failures[0].name}: {failures[0].reason} {what}")

    def _positions(self, number: int) -> range:
        """Those of the items of a batch."""
        return range(number * self.batch_size, min(len(self.items.names), (number + 1) * self.batch_size))

    def require_items(self, path: Any, known: Mapping[int, str], workers: int, progress: Progress) -> None:
        """Reads items again, and raises OtherExtraction where one is not what it was. known: hashes, by position."""
        with closing(sha256_of_items(self.items.open, [*known], workers, progress)) as digests:
            for (position, was), now in zip(known.items(), digests, strict=True):
                if was != now:
                    what = f"rows of other {self.encoder.modality}: {shorten(self.items.names[position])} has changed"
                    raise other(path, f"holds {what} since; take another folder, or remove this one")

    def _pass(self, sink: Sink, workers: int, progress: Progress) -> None:
        start, total = time.monotonic() - sink.seconds, self.last - self.first
        progress(self.encoder.modality, sink.count, total)
        rest = [number for number in self.numbers if number not in sink.done]

        def prepare(item: Any) -> Any:
            return self.encoder.prepare(self.decode(item))

        count = len(self.items.names)
        with kept(), model_threads(self.encoder.threads):
            for batch in batches(rest, self.batch_size, count, self.items.open, prepare, workers):
                rows, failures = self._rows(batch)
                self.require_readable(failures)
                sink.add(batch.number, rows, batch.hashes, failures, time.monotonic() - start)
                progress(self.encoder.modality, sink.count, total)

    def _rows(self, batch: Batch) -> tuple[dict[str, np.ndarray], list[Failure]]:
        """The rows of a batch by layer, and the items that have none."""
        failures = list(batch.failures)
        rows: dict[str, np.ndarray] = {}
        if batch.prepared:
            outputs = self.encoder.run(batch.prepared, self.layers)
            if self.map is not None:
                outputs = [self.map.apply(outputs[0])]
            sound = np.all([np.isfinite(part).reshape(len(part), -1).all(axis=1) for part in outputs], axis=0)
            failures += [(batch.positions[k], NOT_FINITE) for k in np.flatnonzero(~sound)]
            if sound.any():
                rows = {
                    layer.name: part if sound.all() else part[sound]
                    for layer, part in zip(self.layers, outputs, strict=True)
                }
        return rows, [Failure(self.items.names[position], reason) for position, reason in sorted(failures)]

    def _finish(self, sink: Sink) -> Extraction:
        failed = {failure.name for failure in sink.failures}
        names = tuple(name for name in self.items.names[self.first : self.last] if name not in failed)
        if not names and self.shard is None:
            first = sink.failures[0]
            problem = f"none of {self.last - self.first:,} items could be read; {first.name}: {first.reason}"
            raise InputError(f"{self._where}{problem}")
        encoder, count = self.encoder, self.last - self.first
        hashes = listing(self.items.names[self.first : self.last], sink.items)
        items = sha256_of(hashes)
        shapes = {name: (sink.rows, *shape) for name, shape in sink.shapes.items()}
        layers = tuple(
            ExtractedLayer(layer.name, layer.what, layer.pooling, shapes.get(layer.name, (0,)), "float32")
            for layer in self.layers
        )
        extraction = Extraction(
            model=encoder.spec, layers=layers, n_items=count, n_rows=sink.rows, modality=encoder.modality,
            items=self.items.source, order=self.items.order, names=NAMES, failures=sink.failures,
            weights=encoder.weights, seconds=round(sink.seconds, 3), items_per_second=count / max(sink.seconds, 1e-9),
            items_sha256=items, fingerprint=digest_of({**self.state(), "items": items}), meta=self.meta or None,
            notes=(*encoder.notes, *self.items.notes), provenance=Provenance.now({}, self.options), **self.settings,
        )
        return sink.finish(extraction, names, hashes)


def transform_document(transform: Transform) -> dict[str, Any]:
    parts = (transform.weights, transform.bias, transform.mean, transform.std)
    hashes = [None if part is None else fingerprint(np.asarray(part)) for part in parts]
    return {"source": transform.source, "sha256": hashes[0], "parts": hashes}


def describe_processor(device: str = "cpu") -> str:
    """Describes a device in one line: equal lines give equal bytes for the same number of threads.

    Args:
        device: "cpu", or as torch names it.
    """
    if device.startswith("cuda"):
        torch = sys.modules.get("torch")
        if torch is not None and torch.cuda.is_available():
            major, minor = torch.cuda.get_device_capability(device)
            return f"{torch.cuda.get_device_name(device)}, compute capability {major}.{minor}"
    if not device.startswith("cpu"):
        return device
    overrides = [f"{name}={os.environ[name]}" for name in OVERRIDES if os.environ.get(name)]
    return " ".join((_instructions(), *overrides))


@lru_cache(maxsize=1)
def _instructions() -> str:
    """The vendor of the CPU, and its vector instructions."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return f"{platform.system()} {platform.machine()}"
    maker = re.search(r"^(?:vendor_id|CPU implementer)\s*: (.+)$", text, re.MULTILINE)
    flags = set(re.findall(r"^(?:flags|Features)\s*: (.+)$", text, re.MULTILINE)[:1] or [""])
    words = set(" ".join(flags).split())
    level = next((name for name, flag in LEVELS if flag in words), platform.machine())
    return " ".join(
        (maker[1].strip() if maker else platform.machine(), level, *(name for name in HALF if name in words))
    )


@contextmanager
def model_threads(count: int) -> Iterator[None]:
    """Inside, torch computes with so many threads, whatever the environment says; nothing where torch is not loaded."""
    torch = sys.modules.get("torch")
    if torch is None:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def kept() -> Iterator[None]:
    """Inside, freed memory stays with the process; afterwards it goes back to the system. Nothing without glibc."""
    global _runs
    library = _glibc()
    with _lock:
        _runs += 1
        if library is not None and _runs == 1:
            library.mallopt(MMAP_MAX, 0)
            library.mallopt(TRIM_THRESHOLD, MOST)
    try:
        yield
    finally:
        with _lock:
            _runs -= 1
            if library is not None and _runs == 0:
                for name, value in USUAL.items():
                    library.mallopt(name, value)
                library.malloc_trim(0)


def _glibc() -> Any | None:
    with suppress(OSError, AttributeError, TypeError):
        library = ctypes.CDLL(None)
        library.gnu_get_libc_version  # noqa: B018
        return library
    return None


AHEAD = 2  # batches that are being made while one is used
MOST_WORKERS = 16


@dataclass
class Batch:
    """Items of consecutive positions."""

    number: int  # of the batch, from 0.
    positions: list[int] = field(default_factory=list)  # of the items that could be read.
    prepared: list[Any] = field(default_factory=list)  # what the model takes, one for each of these.
    failures: list[tuple[int, str]] = field(default_factory=list)  # (position, reason) of the others.
    hashes: list[str] = field(default_factory=list)  # SHA-256 of every item as it was read.


def default_workers() -> int:
    """The CPU cores that this process may use, up to 16."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(MOST_WORKERS, usable))


def batches(
    numbers: Sequence[int], size: int, total: int, read: Callable[[int], Any], prepare: Callable[[Any], Any],
    workers: int,
) -> Iterator[Batch]:
    """Batches of these numbers, in this order.

    Args:
        numbers: of the batches that are wanted; batch b has the items from b * size on.
        size: items in a batch.
        total: items in all.
        read: gives the item of a position, as `sha256_of` takes it, and prepare makes it ready; both are called by
            several threads. An InputError of theirs is a failure.
        workers: threads.
    """

    def prepared_item(position: int) -> tuple[str, Any]:
        digest = UNREADABLE
        try:
            item = read(position)
            digest = sha256_of(item)
            return digest, prepare(item)
        except InputError as error:
            return digest, error

    pool = ThreadPoolExecutor(workers, thread_name_prefix="pyalign-items")
    waiting: deque[tuple[int, list[Future[Any]]]] = deque()
    rest = iter(numbers)
    try:
        while True:
            while len(waiting) <= AHEAD and (number := next(rest, None)) is not None:
                items = range(number * size, min(total, (number + 1) * size))
                waiting.append((number, [pool.submit(prepared_item, item) for item in items]))
            if not waiting:
                return
            yield _gathered(*waiting.popleft(), size)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _gathered(number: int, futures: list[Future[Any]], size: int) -> Batch:
    batch = Batch(number)
    for position, future in enumerate(futures, number * size):
        digest, outcome = future.result()
        batch.hashes.append(digest)
        if isinstance(outcome, InputError):
            batch.failures.append((position, str(outcome)))
        else:
            batch.positions.append(position)
            batch.prepared.append(outcome)
    return batch
