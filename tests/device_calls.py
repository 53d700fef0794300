"""What each public call on a device waits for and allocates, counted on tensors of the CPU that count as a device's.

`main` prints a document: for each call the waits (what a device would have to be done for), the tensors that it
allocates, how many kernels it queues, and which. Run in a process of its own, since it changes what counts as a device.
"""

from __future__ import annotations

import json

import numpy as np
import torch
from support import draw_triplets, reals
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

import pyalign
from pyalign.backends import get_backend
from pyalign.ops import _place
from pyalign.ops.resample import object_sums
from pyalign.ops.topk import topk

READS = {"item", "tolist", "cpu", "__bool__", "__float__", "__int__", "__index__"}
# Operations whose shape or answer depends on numbers, so that a device must be asked.
ASKS = {"nonzero", "masked_select", "_unique2", "unique_dim", "equal", "is_nonzero", "bincount"}


class Reads(TorchFunctionMode):
    """Counts what code in Python reads of tensors; a copy to the host is a copy here too."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_function__(self, function, types, arguments=(), options=None):
        self.count += function.__name__ in READS
        return function(*arguments, **(options or {}))


class Operations(TorchDispatchMode):
    """Counts operations that ask, by masks among them, and tensors in new memory."""

    def __init__(self):
        super().__init__()
        self.asks, self.allocated = 0, 0

    def __torch_dispatch__(self, function, types, arguments=(), options=None):
        name = function.name().partition("::")[2].partition(".")[0]
        given = list(tensors_of([*arguments, *(options or {}).values()]))
        masked = name in ("index", "index_put", "index_put_") and any(one.dtype == torch.bool for one in given[1:])
        self.asks += name in ASKS or masked
        result = function(*arguments, **(options or {}))
        known = {one.untyped_storage().data_ptr() for one in given}
        self.allocated += sum(one.untyped_storage().data_ptr() not in known for one in tensors_of([result]))
        return result


def tensors_of(values):
    for value in values:
        if isinstance(value, torch.Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from tensors_of(value)


class Kernels:
    """Counts the kernels that a backend queues, and hands them on."""

    def __init__(self, kernels):
        self.kernels, self.count = kernels, 0
        self.queued = set()  # by name

    def __getattr__(self, name):
        found = getattr(self.kernels, name)
        if name in ("why_not", "home", "row_bytes") or not callable(found):
            return found

        def call(*arguments, **options):
            self.count += 1
            self.queued.add(name)
            return found(*arguments, **options)

        return call


def calls(name):
    """The public calls, by what the table calls them."""
    x, y, odd = (torch.from_numpy(reals(seed, 9, d)) for seed, d in ((1, 8), (2, 8), (3, 5)))
    many, few = (torch.from_numpy(draw_triplets(4, 9, t)) for t in (300, 3))
    s = x @ x.T
    answers, options = torch.ones(300, 3), {"backend": name}
    for measure in ("cosine", "dot", "pearson", "neg_euclidean", "rbf:2", "rbf"):
        yield f"similarity {measure}", lambda m=measure: pyalign.similarity(x, measure=m, **options)
    yield "similarity cosine of x and y", lambda: pyalign.similarity(x, y, **options)
    yield "similarity cosine, odd d", lambda: pyalign.similarity(odd, **options)
    yield "similarity pearson, odd d", lambda: pyalign.similarity(odd, measure="pearson", **options)
    for route, triplets in (("matrix", many), ("rows", few)):
        yield f"odd_one_out, {route}", lambda t=triplets: pyalign.odd_one_out(x, t, **options)
        yield f"choice_probabilities, {route}", lambda t=triplets: pyalign.choice_probabilities(x, t, **options)
        yield f"score, {route}", lambda t=triplets: pyalign.score(x, t, ci=None, **options)
    yield "odd_one_out rbf", lambda: pyalign.odd_one_out(x, many, measure="rbf", **options)
    similar = {"matrix": s, "kind": "similarity", **options}
    yield "odd_one_out_from", lambda: pyalign.odd_one_out(None, many, **similar)
    yield "choice_probabilities_from", lambda: pyalign.choice_probabilities(None, many, **similar)
    yield "triplet_gradient", lambda: pyalign.triplet_gradient(s, many, **options)
    yield "triplet_gradient with answers", lambda: pyalign.triplet_gradient(s, many, answers=answers, **options)
    yield "choice_similarity", lambda: pyalign.choice_similarity(x, **options)
    yield "choice_similarity_from", lambda: pyalign.choice_similarity(**similar)
    yield "topk", lambda: topk(s, 3, **options)
    values = (np.arange(300) % 7).astype(np.int16)[None]
    yield "resamples of objects", lambda: object_sums(many, 9, values, n_resamples=64, **options)


def count(name, call):
    backend = get_backend(name)
    before, backend.kernels = backend.kernels, Kernels(backend.kernels)
    try:
        call()  # what is done once, such as loading modules, is no part of a call
        backend.kernels.count = 0
        with Reads() as reads, Operations() as operations:
            call()
        return [
            reads.count + operations.asks,
            operations.allocated,
            backend.kernels.count,
            sorted(backend.kernels.queued),
        ]
    finally:
        backend.kernels = before


def main(name):
    real = _place.device_of
    _place.device_of = lambda value: "cpu:0" if isinstance(value, torch.Tensor) else real(value)
    type(get_backend(name).kernels).why_not = lambda self, place: None
    print(json.dumps({call: count(name, function) for call, function in calls(name)}))
