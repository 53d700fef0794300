"""From the derivative by similarities to the derivative by rows, for every measure, in differentiable torch.

With weights g_ij = dL / ds_ij the derivative by x_i is sum_j g_ij ds_ij / dx_i:

    dot              sum_j g_ij y_j
    cosine           (sum_j g_ij v_j - (sum_j g_ij s_ij) u_i) / |x_i|     u, v: unit rows; 0 for a zero row
    the distances    sum_j w_ij (y_j - x_i)     w as `pyalign.measures.PairKernel.slope` says

Pearson is the cosine of centered rows: what it gives is centered already. At distance zero, where -|x - y| has no
derivative, 0 is taken. The weights may be a matrix or a list of pairs.

What the ops of the loss run: cross-entropies of triplets, their derivative by similarities, and from there by the
rows and the temperature. As in `_torch_kernels`, nothing waits for a device.
"""

from __future__ import annotations

import warnings

import numpy as np
import torch
from torch import Tensor

from pyalign._dataclass import dataclass
from pyalign.backends import get_host_backend
from pyalign.backends._tensor_kernels import TensorGradient, result_dtype
from pyalign.backends._torch_kernels import add_in_order
from pyalign.integrations import _torch_kernels as base
from pyalign.integrations._torch_kernels import Terms, loss_terms, total
from pyalign.measures import Measure, get_measure


@dataclass(frozen=True)
class Weighed:
    """Pairs of rows i and j with weights and similarities, and what is summed over the j of each i: here all pairs."""

    weights: Tensor  # (n, m).
    similarities: Tensor  # (n, m).

    def product(self, weights: Tensor, rows: Tensor) -> Tensor:
        """sum_j weights_ij rows_j: (n, d)."""
        with torch.autocast(weights.device.type, enabled=False):
            return weights @ rows

    def sums(self, weights: Tensor) -> Tensor:
        """sum_j weights_ij: (n, 1)."""
        return weights.sum(dim=1, keepdim=True)


@dataclass(frozen=True)
class Pairs(Weighed):
    """Weights and similarities (p,) of a list of pairs (i, j) in the order of i, for n rows with themselves."""

    starts: Tensor  # (n + 1,), where the pairs of each i begin.
    j: Tensor  # (p,).
    n: int

    def product(self, weights: Tensor, rows: Tensor) -> Tensor:
        """sum_j weights_ij rows_j: (n, d), without an (n, n) or a (p, d) array."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # once a process, that the layout is in beta
            size = self.n, self.n
            matrix = torch.sparse_csr_tensor(self.starts, self.j, weights, size, check_invariants=False)
            with torch.autocast(weights.device.type, enabled=False):
                product: Tensor = matrix @ rows
        return product

    def sums(self, weights: Tensor) -> Tensor:
        return self.product(weights, torch.ones(self.n, 1, dtype=weights.dtype, device=weights.device))


def pull_back(measure: Measure, gamma: float | Tensor, pairs: Weighed, x: Tensor, y: Tensor) -> Tensor:
    """dL / dx (n, d) from dL / ds; what follows through y is another call, with the roles exchanged."""
    dtype = pairs.weights.dtype
    x, y = x.to(dtype), y.to(dtype)
    g, s = pairs.weights, pairs.similarities
    if not measure.kernel.terms:
        return pairs.product(g, y)
    if measure.transform == "center":
        x, y = _centered(x), _centered(y)
    if measure.kernel.angular:
        inverse = _inverse_norms(x)
        return inverse * (pairs.product(g, _inverse_norms(y) * y) - pairs.sums(g * s) * inverse * x)
    offset = y.detach().mean(dim=0)  # leaves the differences, and keeps their digits
    assert measure.kernel.slope is not None
    w = measure.kernel.slope(g, s, gamma, torch)
    return pairs.product(w, y - offset) - pairs.sums(w) * (x - offset)


def _centered(x: Tensor) -> Tensor:
    """x minus the mean of each row, 0 for a constant row."""
    wide = x.double()
    centered = wide - wide.mean(dim=1, keepdim=True)
    return torch.where(x.amin(dim=1, keepdim=True) == x.amax(dim=1, keepdim=True), 0.0, centered).to(x.dtype)


def _inverse_norms(x: Tensor) -> Tensor:
    """1 / |x|, 0 for a zero row: (n, 1)."""
    norms = torch.linalg.vector_norm(x, dim=1, keepdim=True, dtype=torch.float64)
    positive = norms > 0
    return torch.where(positive, 1.0 / torch.where(positive, norms, 1.0), 0.0).to(x.dtype)


def loss(
    x: Tensor, triplets: Tensor, answers: Tensor | None, learned: Tensor | None, measure: str, temperature: float,
    mean: bool, training: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """The loss (), and what its gradient will need.

    With a matrix of similarities: that matrix (n, n) and, in training, the derivative by its elements plus its
    transpose, from the same pass over the triplets; (0, 0) otherwise. Without: the similarities (t, 3), and (0, 0).
    """
    base.check_triplets(x, triplets)
    terms, dtype = loss_terms(triplets, answers, learned, temperature, mean), result_dtype(x)
    plain = terms.answers is None and not isinstance(terms.temperature, Tensor)
    gradient = torch.empty(0, 0, dtype=dtype, device=x.device)
    if base.uses_matrix(x, triplets) and (training or not plain):
        similarities = base.similarity(x, None, measure)
        summed, derivative, invalid = matrix_gradient(similarities, triplets, terms)
        base.raise_invalid(x, triplets, invalid)
        gradient = derivative if training else gradient
    else:
        similarities, summed, invalid = _without_gradient(x, triplets, measure, terms)
    unknown = (invalid[0] > 0) | ~base.all_finite(x)  # kernels may drop a NaN where they take a maximum
    for value in (learned, None if answers is None else answers[0, 0]):  # NaN where a device's checks have failed
        unknown = unknown if value is None else unknown | value.isnan()
    return torch.where(unknown, torch.nan, (summed / terms.count).to(dtype)), similarities, gradient


def _without_gradient(x: Tensor, triplets: Tensor, measure: str, terms: Terms) -> tuple[Tensor, Tensor, Tensor]:
    """Similarities (n, n) or (t, 3), the sum of cross-entropies in float64, and the flag of invalid triplets (1,)."""
    matrix, chosen = base.uses_matrix(x, triplets), get_measure(measure)
    pairs = None if matrix else torch.empty(len(triplets), 3, dtype=result_dtype(x), device=x.device)
    if terms.answers is None and not isinstance(terms.temperature, Tensor):
        sums = torch.zeros(7, dtype=torch.float64, device=x.device)
        outputs = {"pairs": pairs, "sums": sums}
        s, invalid = base.from_triplets(x, triplets, chosen, **outputs, temperature=terms.temperature)
        summed = sums[5]
    else:
        s, invalid = base.from_triplets(x, triplets, chosen, pairs=pairs)
        assert pairs is not None
        summed = _cross_entropy(pairs, terms)
    similarities = s if pairs is None else pairs
    assert similarities is not None
    return similarities, summed, invalid


def _cross_entropy(pairs: Tensor, terms: Terms) -> Tensor:
    """Sum over triplets, from similarities (t, 3), in float64: ()."""
    wide = pairs.double()
    logs = torch.log_softmax((wide - wide.amax(dim=1, keepdim=True)) / terms.temperature, dim=1)
    if terms.answers is None:
        return -total(logs[:, 0])
    return -total(terms.answers.flip(1) * logs)


def matrix_gradient(similarities: Tensor, triplets: Tensor, terms: Terms) -> tuple[Tensor, Tensor, Tensor]:
    """Sum of the cross-entropies (), the derivative of the loss by the elements that were read plus its transpose
    (n, n), and the flag of invalid triplets (1,).

    The kernels take temperature and scale as numbers: what is a tensor divides the matrices instead.
    """
    n = len(similarities)
    kernels, _ = base.kernels_for(str(similarities.device), str(similarities.dtype).rpartition(".")[2], 0)
    out = TensorGradient.into(base.empty_matrix(n, n, similarities))
    temperature, scale, divisors = 1.0, 1.0, []
    if isinstance(terms.temperature, Tensor):
        divisors.append(terms.temperature)
        similarities = similarities / terms.temperature
    else:
        temperature = terms.temperature
    if isinstance(terms.count, Tensor):
        divisors.append(terms.count)
    else:
        scale = 1.0 / terms.count
    kernels.triplet_gradient(similarities, base.as_index(triplets), temperature, scale, out, terms.answers)
    gradient = base.add_transpose(out.matrix)
    for divisor in divisors:
        gradient /= divisor
    return out.cross_entropy[0], gradient, out.invalid


def loss_gradient(
    grad: Tensor, x: Tensor, similarities: Tensor, gradient: Tensor, triplets: Tensor, answers: Tensor | None,
    learned: Tensor | None, measure: str, temperature: float, mean: bool, by_x: bool,
) -> tuple[Tensor, Tensor]:
    """grad () times the derivative of the loss by x (n, d), empty unless `by_x`, and by a learned temperature ()."""
    terms, n = loss_terms(triplets, answers, learned, temperature, mean), len(x)
    matrix = base.uses_matrix(x, triplets)
    if not matrix:
        weights, similarities = pair_weights(similarities, triplets, n, terms)
    elif len(gradient) == 0:  # autograd came in by a way that the forward pass could not see
        weights = matrix_gradient(similarities, triplets, terms)[1]
    else:
        weights = gradient
    by_rows, by_temperature = x.new_empty(0), grad.new_empty(0)
    if by_x:
        pairs = Product(weights, similarities) if matrix else triplet_pairs(weights, similarities, triplets, n)
        by_rows = base.scaled(_by_rows(measure, pairs, x), grad).to(x.dtype)
    if learned is not None:  # the matrix has each pair twice
        slope = -_dot(weights, similarities) / ((2.0 if matrix else 1.0) * terms.temperature)
        by_temperature = (grad * slope).to(learned.dtype)
    return by_rows, by_temperature


def _by_rows(measure: str, pairs: Weighed, x: Tensor) -> Tensor:
    chosen = get_measure(measure)
    return pull_back(chosen, base.bandwidth(chosen, x, None), pairs, x, x)


def _dot(a: Tensor, b: Tensor) -> float | Tensor:
    """The sum of a * b in float64: see `total`."""
    if a.device.type == "cpu":
        return float(np.einsum("i,i->", a.flatten().numpy(), b.flatten().numpy(), dtype=np.float64))
    return (a * b).sum(dtype=torch.float64)


def pair_weights(similarities: Tensor, triplets: Tensor, n: int, terms: Terms) -> tuple[Tensor, Tensor]:
    """The derivative of the loss by similarities (t, 3), and these: both 0 where a triplet is invalid."""
    p = torch.softmax(similarities / terms.temperature, dim=1)
    if terms.answers is not None:  # all p - y: what other answers say of the pair, and what its own miss
        y = terms.answers.flip(1)
        p = _others(y) * p - y * _others(p)
    p[:, 0] = -p[:, 1:].sum(dim=1)
    p /= terms.temperature * terms.count
    return _of_valid(p, triplets, n), _of_valid(similarities, triplets, n)


def _of_valid(values: Tensor, triplets: Tensor, n: int) -> Tensor:
    """The values `where_valid` on a device; on the CPU the forward pass has refused invalid triplets."""
    return values if values.device.type == "cpu" else where_valid(values, triplets, n)


def where_valid(values: Tensor, triplets: Tensor, n: int) -> Tensor:
    """values (t, 3), 0 where a triplet is not three different items."""
    return torch.where(_valid(triplets, n)[:, None], values, 0.0)


def _others(values: Tensor) -> Tensor:
    """For each of three columns the sum of the two others."""
    first, second, third = values.unbind(dim=1)  # a list of columns would be copied to the device
    return torch.stack([second + third, first + third, first + second], dim=1)


def _valid(triplets: Tensor, n: int) -> Tensor:
    """Marks the triplets (t, 3) that name three different items."""
    index = triplets.long()
    a, b, c = index.unbind(dim=1)
    return ((index >= 0) & (index < n)).all(dim=1) & (a != b) & (a != c) & (b != c)


@dataclass(frozen=True)
class TripletPairs(Weighed):
    """The three pairs of every triplet, with weights and similarities (t, 3), for n rows on the CPU.

    Products and sums are those of compiled kernels: the same for any number of threads. Not differentiable.
    """

    triplets: Tensor
    n: int

    def product(self, weights: Tensor, rows: Tensor) -> Tensor:
        out = torch.empty(rows.shape, dtype=weights.dtype)
        arrays = rows.contiguous(), base.as_index(self.triplets), weights.contiguous(), out
        get_host_backend().pair_products(*(array.numpy() for array in arrays))
        return out

    def sums(self, weights: Tensor) -> Tensor:
        w, index = weights.double().numpy(), self.triplets.numpy()
        of_position = w[:, 0] + w[:, 1], w[:, 0] + w[:, 2], w[:, 1] + w[:, 2]
        sums = np.zeros(self.n)
        for p in range(3):
            sums += np.bincount(index[:, p], of_position[p], self.n)
        return torch.from_numpy(sums[:, None]).to(weights.dtype)


def triplet_pairs(weights: Tensor, similarities: Tensor, triplets: Tensor, n: int) -> Weighed:
    """The three pairs of every triplet in both orders, with weights and similarities (t, 3)."""
    if weights.device.type == "cpu" and n <= get_host_backend().most_paired:
        return TripletPairs(weights, similarities, triplets, n)
    return sorted_pairs(weights, similarities, triplets, n)


def sorted_pairs(weights: Tensor, similarities: Tensor, triplets: Tensor, n: int) -> Pairs:
    """The same as a sparse matrix of torch's; waits for nothing. Invalid triplets must weigh nothing."""
    first, second = (places.flatten() for places in _places(triplets, n))
    i, order = torch.sort(torch.cat([first, second]), stable=True)
    starts = torch.searchsorted(i, torch.arange(n + 1, device=i.device))
    w, s = (values.flatten().repeat(2)[order] for values in (weights, similarities))
    return Pairs(w, s, starts, torch.cat([second, first])[order], n)


def _places(triplets: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """First and second item of the pairs 01, 02, 12: (t, 3) each; those of invalid triplets are some items."""
    a, b, c = triplets.long().clamp(0, n - 1).unbind(dim=1)
    return torch.stack([a, a, b], dim=1), torch.stack([b, c, c], dim=1)


class Product(Weighed):
    """Weights whose product with the rows is that of the compiled kernels, where these run: it is the same for any
    number of threads. Not differentiable.
    """

    def product(self, weights: Tensor, rows: Tensor) -> Tensor:
        if weights.device.type != "cpu":
            return super().product(weights, rows)
        out = torch.empty(len(weights), rows.shape[1], dtype=weights.dtype)
        get_host_backend().product(weights.numpy(), rows.contiguous().numpy(), out.numpy())
        return out


def triplet_similarities(x: Tensor, triplets: Tensor, measure: str) -> tuple[Tensor, Tensor]:
    """Similarities (t, 3) of the pairs 01, 02, 12, NaN where a row holds NaN; and the matrix, where there is one."""
    base.check_triplets(x, triplets)
    pairs = torch.empty(len(triplets), 3, dtype=result_dtype(x), device=x.device)
    s, _ = base.from_triplets(x, triplets, get_measure(measure), pairs=pairs)
    pairs = base.where_known(x, triplets, pairs, torch.nan)
    return pairs, pairs.new_empty(0, 0) if s is None else s


def triplet_similarities_gradient(
    grad: Tensor, x: Tensor, pairs: Tensor, matrix: Tensor, triplets: Tensor, measure: str
) -> Tensor:
    """The derivative by x (n, d) from that by the pairs (t, 3), with what `triplet_similarities` gave."""
    n, similarities = len(x), matrix if len(matrix) else pairs
    grad = _of_valid(grad, triplets, n)
    if not base.uses_matrix(x, triplets):
        similarities = _of_valid(similarities, triplets, n)
        return _by_rows(measure, triplet_pairs(grad, similarities, triplets, n), x).to(x.dtype)
    i, j = _places(triplets, n)
    gradient = base.empty_matrix(n, n, x).zero_()
    add_in_order(gradient.view(-1), (i * n + j).flatten(), grad.flatten())
    return _by_rows(measure, Product(base.add_transpose(gradient), similarities), x).to(x.dtype)
