"""The kernels in plain torch.

Inner products come from torch's matmul; the last step is taken in float64 and rounded once, as in csrc/pair.h. Triplets
are worked in chunks, which bounds the temporaries.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import torch
from torch import Tensor

from pyalign.backends._host import Place, Rows
from pyalign.backends._tensor_kernels import TensorGradient, TensorWanted, prepare_rows, result_dtype, row_blocks

CHUNK = 1 << 20
GATHERED_ELEMENTS = 1 << 24
PIECE = 1024  # so that a chunk has fewer pieces than torch divides among threads
FIRST, SECOND = (0, 0, 1), (1, 2, 2)  # the pairs of positions 01, 02, 12
Similarities = Callable[[Tensor], Tensor]  # from triplets (c, 3) to (3, c)


class TorchKernels:
    """See `pyalign.backends._tensor_kernels.Kernels`."""

    home = "cpu"
    row_bytes = 1
    prepare_rows = staticmethod(prepare_rows)

    def why_not(self, place: Place) -> str | None:
        if place.device == "meta":
            return "tensors on the meta device hold no numbers"
        try:
            torch.zeros(1, dtype=torch.float64, device=place.device)
        except (RuntimeError, TypeError, AssertionError) as error:
            return f"it needs float64 on {place.device} ({str(error).splitlines()[0]})"
        return None

    def similarity(self, x: Rows, y: Rows | None, tf32: bool, out: Tensor) -> None:
        right = x if y is None else y
        with torch.autocast(out.device.type, enabled=False):
            products = x.values.to(out.dtype) @ right.values.to(out.dtype).T
        if x.kernel.terms:
            for part in row_blocks(products):
                products[part] = _finish(x, right, products[part].double(), part, tf32)
        if y is None:
            products = torch.triu(products) + torch.triu(products, 1).T
            if x.kernel.distance:
                products.fill_diagonal_(x.kernel.from_squares(0.0, x.gamma, math))
        out.copy_(products)

    def triplets_from_matrix(self, similarities: Tensor, triplets: Tensor, want: TensorWanted) -> None:
        def look_up(part: Tensor) -> Tensor:
            return torch.stack([similarities[part[:, p], part[:, q]] for p, q in zip(FIRST, SECOND, strict=True)])

        _run(look_up, triplets, len(similarities), CHUNK, want)

    def triplets_from_rows(self, x: Rows, triplets: Tensor, want: TensorWanted) -> None:
        def compute(part: Tensor) -> Tensor:
            columns = part.unbind(dim=1)
            rows = [replace(x, values=x.values[c], terms=None if x.terms is None else x.terms[c]) for c in columns]
            return torch.stack([_pair(rows[p], rows[q]) for p, q in zip(FIRST, SECOND, strict=True)])

        n, d = x.values.shape
        _run(compute, triplets, n, max(1, min(CHUNK, GATHERED_ELEMENTS // d)), want)

    def triplet_gradient(
        self, similarities: Tensor, triplets: Tensor, temperature: float, scale: float, out: TensorGradient,
        targets: Tensor | None = None,
    ) -> None:
        n, start = len(similarities), 0
        out.matrix.zero_()
        for index, valid in _checked_chunks(triplets, n, CHUNK, out.invalid):
            part = slice(start, start := start + len(index))
            places = torch.stack([index[:, p] * n + index[:, q] for p, q in zip(FIRST, SECOND, strict=True)])
            logs = _log_softmax(similarities[places // n, places % n], temperature)
            p = logs.exp()
            if targets is None:
                out.cross_entropy.sub_(_total(torch.where(valid, logs[0], 0.0)))
                slope = p
            else:
                y = targets[part].double().T.flip(0)  # of pairs 01, 02, 12
                out.cross_entropy.sub_(_total(torch.where(valid & (y > 0), y * logs, 0.0).flatten()))
                slope = _others(y) * p - y * _others(p)
            residuals = torch.where(valid, slope * (scale / temperature), 0.0)
            residuals[0] = -(residuals[1] + residuals[2])
            add_in_order(out.matrix.view(-1), places.T.flatten(), residuals.T.flatten().to(out.matrix.dtype))

    def topk(self, similarities: Tensor, k: int, own: int, indices: Tensor) -> None:
        """`torch.topk` takes any of the numbers that equal the k-th: a second one takes those of the lower columns."""
        m = similarities.shape[1]
        places = torch.arange(m, 0, -1, dtype=torch.int32, device=similarities.device)  # larger for lower columns
        for part in row_blocks(similarities):
            s = similarities[part]
            if own >= 0:
                s = s.clone()
                s.diagonal(own + part.start).fill_(-torch.inf)
            least = s.topk(k, dim=1).values[:, -1:]
            columns = torch.where(s > least, places, torch.where(s == least, places - m, -m)).topk(k, dim=1).indices
            values = s.gather(1, columns) + 0.0  # -0 equals 0
            order = values.sort(dim=1, descending=True, stable=True).indices
            indices[part] = columns.gather(1, order).to(torch.int32)

    def resample_items(
        self, triplets: Tensor, multiplicities: Tensor, values: Tensor, sums: Tensor, invalid: Tensor
    ) -> None:
        n, lanes = multiplicities.shape
        sums.zero_()
        start = 0
        for index, valid in _checked_chunks(triplets, n, max(1, GATHERED_ELEMENTS // lanes), invalid):
            part = slice(start, start := start + len(index))
            # Products in float64, whose sums over a chunk are exact: w * value < 2^30, and a chunk has fewer than 2^23.
            weights = valid.double()[:, None]
            for column in index.unbind(dim=1):
                weights = weights * multiplicities[column].double()
            sums[0] += weights.sum(dim=0).long()
            sums[1:] += (values[:, part].double() @ weights).long()

    def choice_similarity(self, similarities: Tensor, temperature: float, out: Tensor) -> None:
        n, s = len(similarities), similarities.double()
        out.fill_(1.0)
        for i in range(n - 1):
            for rows in torch.arange(i + 1, n, device=s.device).split(max(1, GATHERED_ELEMENTS // n)):
                kept = s[i, rows, None]
                # Where another pair is far more alike the exponential is infinite, and p is 0.
                p = 1.0 / (1.0 + torch.exp((s[i] - kept) / temperature) + torch.exp((s[rows] - kept) / temperature))
                p[:, i] = 0.0
                mean = p.scatter_(1, rows[:, None], 0.0).sum(dim=1) / (n - 2)
                out[i, rows] = out[rows, i] = mean.to(out.dtype)


def add_in_order(out: Tensor, places: Tensor, values: Tensor) -> None:
    """out[places] += values, one value after the other: the same bits on every run and for any number of threads.

    On the CPU index_add_ does so for one dimension, while index_put_ adds with all threads at once. On a device it is
    index_put_, which sorts there, and index_add_ uses atomics.
    """
    if out.device.type == "cpu":
        out.index_add_(0, places, values)
    else:
        out.index_put_((places,), values, accumulate=True)


def _total(values: Tensor) -> Tensor:
    """The sum of a vector by pieces of a fixed length, which, unlike one sum, is not divided among the threads."""
    return torch.nn.functional.pad(values, (0, -len(values) % PIECE)).view(-1, PIECE).sum(dim=1).sum()


def _finish(x: Rows, y: Rows, products: Tensor, part: slice, tf32: bool) -> Tensor:
    """Similarities of rows `part` of x with all of y, from their inner products (float64)."""
    assert x.terms is not None and y.terms is not None
    terms = x.terms[part, None], y.terms[None, :]
    if x.kernel.angular:
        return products * (terms[0] * terms[1])
    together = terms[0] + terms[1]
    squares = (together - 2.0 * products).clamp_min_(0.0)
    # Below this share of |x|^2 + |y|^2 the distance is summed from the rows: there, the difference cancels.
    dtype = x.values.dtype
    share = 2.0**-20 if dtype == torch.float64 else 2.0**-4 if tf32 and dtype == torch.float32 else 2.0**-10
    rows, columns = torch.nonzero(squares <= share * together, as_tuple=True)
    for i, j in zip(rows.split(1 << 14), columns.split(1 << 14), strict=True):
        squares[i, j] = (x.values[part][i].double() - y.values[j].double()).square().sum(dim=1)
    return _from_squares(x, squares)


def _from_squares(x: Rows, squares: Tensor) -> Tensor:
    similarities: Tensor = x.kernel.from_squares(squares, x.gamma, torch)
    return similarities


def _pair(x: Rows, y: Rows) -> Tensor:
    """Similarities of the rows of x with those of y, one by one: (c,)."""
    dtype = result_dtype(x.values)
    left, right = x.values.to(dtype), y.values.to(dtype)
    if not x.kernel.distance:
        value = (left * right).sum(dim=1).double()
        if x.kernel.angular:
            assert x.terms is not None and y.terms is not None
            value = value * (x.terms * y.terms)
    else:
        squares = (left - right).square_().sum(dim=1).double()
        value = _from_squares(x, torch.where(squares < torch.inf, squares, torch.nan))
    return value.to(dtype)


def _checked_chunks(triplets: Tensor, n: int, chunk: int, invalid: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Chunks of triplets as int64, and which of them are valid; the others name items 0, 0, 0 instead."""
    for part in triplets.split(chunk):
        index = part.long()
        a, b, c = index.unbind(dim=1)
        valid = ((index >= 0) & (index < n)).all(dim=1) & (a != b) & (a != c) & (b != c)
        invalid |= (~valid).any().to(invalid.dtype)
        yield torch.where(valid[:, None], index, 0), valid


def _run(fetch: Similarities, triplets: Tensor, n: int, chunk: int, want: TensorWanted) -> None:
    start = 0
    for index, valid in _checked_chunks(triplets, n, chunk, want.invalid):
        part = slice(start, start := start + len(index))
        s = fetch(index)
        at_top = s == s.amax(dim=0)
        count = at_top.sum(dim=0)
        finite = torch.isfinite(s)
        if want.choices is not None:
            odd = torch.where((count == 1) & valid & finite.all(dim=0), 2 - at_top.int().argmax(dim=0), -1)
            want.choices[part] = odd.to(torch.int8)
        if want.similarities is not None:
            want.similarities[part] = torch.where(valid & finite, s, torch.nan).T
        if want.probabilities is None and want.sums is None:
            continue
        logs = _log_softmax(s, want.temperature)
        if want.probabilities is not None:
            want.probabilities[part] = torch.where(valid, logs.exp().flip(0), torch.nan).T.to(want.probabilities.dtype)
        if want.sums is not None:
            right = [at_top[0] & (count == m) for m in (1, 2, 3)]
            counts = [torch.sum(mask & valid) for mask in (*right, count == 2, count == 3)]
            nats = [-logs[0], -(logs.exp() * logs).sum(dim=0)]
            want.sums.add_(torch.stack([c.double() for c in counts] + [torch.where(valid, v, 0.0).sum() for v in nats]))


def _others(v: Tensor) -> Tensor:
    """The sum of the two others of three rows: all * p - y is others(y) * p - y * others(p), without cancellation."""
    first, second, third = v.unbind()
    return torch.stack([second + third, first + third, first + second])


def _log_softmax(s: Tensor, temperature: float) -> Tensor:
    """Log-probabilities (3, c) of the pairs, in float64.

    The largest exponential is 1 and stays out of the sum, so that log(1 + tiny) keeps its digits.
    """
    scaled = (s.double() - s.amax(dim=0)) / temperature
    exponentials = scaled.exp().scatter_(0, s.argmax(dim=0, keepdim=True), 0.0)
    return scaled - torch.log1p(exponentials.sum(dim=0))


KERNELS = TorchKernels()
