"""What runs on the device: pyalign's backends and their peers, as calls on tensors that are already there."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
import torch.nn.functional as functional
from torch import Tensor

import pyalign.integrations.torch  # noqa: F401
from benchmarks import cases
from benchmarks.gpu_cases import CANDIDATES, GpuCase
from benchmarks.gpu_routes import settings_of
from benchmarks.step_peers import start
from pyalign.backends import TENSOR_BACKENDS, Place, Rows, get_backend
from pyalign.backends._tensor_kernels import routes
from pyalign.backends._tensors import TensorGradient, TensorWanted
from pyalign.errors import InputError
from pyalign.fitting.objective import TripletTerm
from pyalign.fitting.place import algebra_for
from pyalign.ops.resample import OBJECTS, multiplicities

Call = Callable[[], Any]


def rows_of(case: GpuCase) -> Tensor:
    """(n, d) on the device, of the case's dtype."""
    x = torch.from_numpy(cases.embeddings(case.case)).cuda()
    return x if case.dtype in ("float32", "tf32") else x.to(getattr(torch, case.dtype))


def second_rows_of(case: GpuCase) -> Tensor | None:
    """As many rows of other numbers, where the case has x and y."""
    return rows_of(case).flip(1) if case.op.endswith(" of x and y") else None


def contenders(case: GpuCase) -> dict[str, Callable[[], dict[str, Call]]]:
    """What makes the calls of every backend of pyalign that runs here, then those of the peers."""
    return {**_ours(case), "peers": partial(PEERS[case.op], case)}


def _ours(case: GpuCase) -> dict[str, Callable[[], dict[str, Call]]]:
    if case.op == "triplet_loss":  # the op chooses the backend by itself
        return {"pyalign": lambda: {"pyalign": _our_loss(case)}}
    makers = {}
    for name in TENSOR_BACKENDS:
        try:
            backend: Any = get_backend(name, Place("cuda:0", case.dtype))
        except InputError:
            continue
        makers[f"pyalign {name}"] = partial(_our_call, case, name, backend.kernels)
        for setting in settings_of(case.op, name):
            makers[f"pyalign {name} {setting}"] = partial(_routed, case, name, backend.kernels, setting)
    return makers


def _our_call(case: GpuCase, name: str, kernels: Any) -> dict[str, Call]:
    step = case.op == "probe step"
    return {f"pyalign {name}": _our_probe_step(case, name) if step else OURS[case.op](case, kernels)}


def _routed(case: GpuCase, name: str, kernels: Any, setting: str) -> dict[str, Call]:
    """The same by another route."""
    (call,) = _our_call(case, name, kernels).values()

    def by_route() -> Any:
        with routes(setting):
            return call()

    return {f"pyalign {name} {setting}": by_route}


def _index(case: GpuCase) -> Tensor:
    return torch.from_numpy(cases.triplets(case.case)).cuda()


def _matrix(case: GpuCase) -> Tensor:
    return torch.from_numpy(cases.similarities(case.case)).cuda()


def _targets(case: GpuCase) -> Tensor | None:
    """(t, 3) counts of three answers to each triplet, where the case has soft targets."""
    if not case.op.endswith(" soft"):
        return None
    answers = np.random.default_rng(0).multinomial(3, [0.2, 0.2, 0.6], case.case.t)
    return torch.from_numpy(answers.astype(np.float32)).cuda()


def _flag() -> Tensor:
    return torch.zeros(1, dtype=torch.int32, device="cuda")


# ---------------------------------------------------------------- pyalign's kernels, without the checks that wait


def _filling(out: Tensor, kernels: Any, name: str, *given: Any) -> Call:
    """A call of a kernel that fills what the result is part of."""

    def call() -> Tensor:
        getattr(kernels, name)(*given)
        return out

    return call


def _empty(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.empty(*shape, dtype=dtype, device="cuda")


def _our_decisions(case: GpuCase, kernels: Any) -> Call:
    """From the matrix, or from the rows."""
    from_rows = case.op == "odd_one_out"
    given, name = (Rows(rows_of(case), None, "dot"), "rows") if from_rows else (_matrix(case), "matrix")
    choices = _empty(case.case.t, dtype=torch.int8)
    wanted = TensorWanted(_flag(), choices)
    return _filling(choices, kernels, f"triplets_from_{name}", given, _index(case), wanted)


def _our_sums(case: GpuCase, kernels: Any) -> Call:
    s, index, flag = _matrix(case), _index(case), _flag()

    def add() -> Tensor:
        sums = torch.zeros(7, dtype=torch.float64, device="cuda")
        kernels.triplets_from_matrix(s, index, TensorWanted(flag, sums=sums))
        return sums[5]

    return add


def _our_similarity(case: GpuCase, kernels: Any) -> Call:
    given = rows_of(case), second_rows_of(case)
    x, y = (None if rows is None else Rows(rows, 1.0 / rows.double().norm(dim=1), "cosine") for rows in given)
    out = _empty(len(given[0]), len(given[0]))

    def similarities() -> Tensor:
        torch.set_float32_matmul_precision("high" if case.dtype == "tf32" else "highest")  # for the vendor's product
        kernels.similarity(x, y, case.dtype == "tf32", out)
        return out

    return similarities


def _our_gradient(case: GpuCase, kernels: Any) -> Call:
    s, index = _matrix(case), _index(case)
    out = TensorGradient(torch.empty_like(s), torch.zeros(1, dtype=torch.float64, device="cuda"), _flag())
    return _filling(out.matrix, kernels, "triplet_gradient", s, index, 1.0, 1.0 / len(index), out, _targets(case))


def _our_resamples(case: GpuCase, kernels: Any) -> Call:
    table = torch.from_numpy(multiplicities(case.case.n, 0, 1024, seed=0, stream=OBJECTS)).cuda()
    given = torch.from_numpy(cases.values(case.case.t, 1)).cuda()
    sums = _empty(1 + len(given), 1024, dtype=torch.int64)
    return _filling(sums, kernels, "resample_items", _index(case), table, given, sums, _flag())


def _scores(case: GpuCase) -> Tensor:
    """(n, n) inner products of the rows."""
    torch.set_float32_matmul_precision("highest")
    rows = rows_of(case)
    return rows @ rows.T


def _our_topk(case: GpuCase, kernels: Any) -> Call:
    scores = _scores(case)
    indices = _empty(len(scores), CANDIDATES, dtype=torch.int32)
    return _filling(indices, kernels, "topk", scores, CANDIDATES, -1, indices)


def _our_loss(case: GpuCase) -> Call:
    """Forward and backward, as users call it."""
    index = _index(case)
    return _step(rows_of(case), lambda x: torch.ops.pyalign.triplet_loss(x, index, "dot", 1.0))


def _our_probe_step(case: GpuCase, name: str) -> Call:
    """As a fit takes it: weights come from the host, their gradient goes there."""
    x, weights = cases.embeddings(case.case), start(case.case.d)
    term = TripletTerm(x, cases.triplets(case.case), on=algebra_for(name, rows_of(case)))
    return lambda: torch.from_numpy(term(weights, np.zeros(len(weights))).weights)


OURS = {
    "odd_one_out_from": _our_decisions,
    "score sums": _our_sums,
    "odd_one_out": _our_decisions,
    "similarity cosine": _our_similarity,
    "similarity cosine of x and y": _our_similarity,
    "triplet_gradient": _our_gradient,
    "triplet_gradient soft": _our_gradient,
    "object resamples": _our_resamples,
    "topk": _our_topk,
}


# ---------------------------------------------------------------- peers


def _step(values: Tensor, loss: Callable[[Tensor], Tensor]) -> Call:
    leaf = values.clone().requires_grad_()

    def step() -> Any:
        leaf.grad = None
        loss(leaf).backward()
        return leaf.grad

    return step


def _look_up(s: Tensor, index: Tensor) -> Tensor:
    a, b, c = index.unbind(1)
    n, flat = len(s), s.view(-1)
    return torch.stack([flat[a * n + b], flat[a * n + c], flat[b * n + c]])


def _odd(pairs: Tensor) -> Tensor:
    return (2 - pairs.argmax(dim=0)).to(torch.int8)


def _entropy(pairs: Tensor) -> Tensor:
    return (torch.logsumexp(pairs, dim=0) - pairs[0]).double().sum()


def _mean_loss(s: Tensor, index: Tensor, targets: Tensor | None = None) -> Tensor:
    pairs = _look_up(s, index)
    if targets is None:
        return (torch.logsumexp(pairs, dim=0) - pairs[0]).mean()
    return -(targets.T.flip(0) * torch.log_softmax(pairs, dim=0)).sum() / len(index)


def _plain_and_compiled(call: Callable[..., Tensor], *inputs: Tensor) -> dict[str, Call]:
    compiled = torch.compile(call)
    return {"torch": lambda: call(*inputs), "torch compiled": lambda: compiled(*inputs)}


def _decision_peers(case: GpuCase) -> dict[str, Call]:
    s, index = _matrix(case), _index(case)
    peers = _plain_and_compiled(lambda s, index: _odd(_look_up(s, index)), s, index)
    if find_spec("cupy"):
        import cupy

        matrix, triplets = cupy.from_dlpack(s), cupy.from_dlpack(index)

        def with_cupy() -> Any:
            a, b, c = triplets.T
            pairs = cupy.stack([matrix[a, b], matrix[a, c], matrix[b, c]])
            return torch.from_dlpack((2 - pairs.argmax(axis=0)).astype(cupy.int8))

        peers["cupy"] = with_cupy
    return peers


def _sum_peers(case: GpuCase) -> dict[str, Call]:
    return _plain_and_compiled(lambda s, index: _entropy(_look_up(s, index)), _matrix(case), _index(case))


def _row_peers(case: GpuCase) -> dict[str, Call]:
    """Rows gathered 16,384 triplets at a time: all at once they would need 30 GB."""

    def decide(x: Tensor, index: Tensor) -> Tensor:
        choices = []
        for part in index.split(16_384):
            a, b, c = (x[part[:, p].long()].float() for p in range(3))
            choices.append(_odd(torch.stack([(a * b).sum(1), (a * c).sum(1), (b * c).sum(1)])))
        return torch.cat(choices)

    x, index = rows_of(case), _index(case)
    return {"torch": lambda: decide(x, index)}


def _similarity_peers(case: GpuCase) -> dict[str, Call]:
    """The vendor's product alone, and followed by the epilogue."""
    x, second = rows_of(case), second_rows_of(case)
    y = x if second is None else second
    torch.set_float32_matmul_precision("high" if case.dtype == "tf32" else "highest")
    left, right = (1.0 / rows.float().norm(dim=1) for rows in (x, y))

    def with_epilogue(x: Tensor, y: Tensor) -> Tensor:
        return (x @ y.T).float() * left[:, None] * right[None, :]

    return {
        "product alone": lambda: x @ y.T,
        **_plain_and_compiled(with_epilogue, x, y),
        "torch normalized": lambda: functional.normalize(x.float(), dim=1) @ functional.normalize(y.float(), dim=1).T,
    }


def _topk_peers(case: GpuCase) -> dict[str, Call]:
    """Any of equal ones, which serves for candidates."""
    scores = _scores(case)
    return {"torch": lambda: scores.topk(CANDIDATES, dim=1).indices}


def _gradient_peers(case: GpuCase) -> dict[str, Call]:
    index, targets = _index(case), _targets(case)
    return {"torch": _step(_matrix(case), lambda s: _mean_loss(s, index, targets))}


def _loss_peers(case: GpuCase) -> dict[str, Call]:
    index = _index(case)
    compiled = torch.compile(lambda x: _mean_loss(x @ x.T, index))
    peers = {"torch": lambda x: _mean_loss(x @ x.T, index), "torch compiled": compiled}
    if find_spec("pykeops"):
        from pykeops.torch import LazyTensor

        def with_keops(x: Tensor) -> Tensor:
            a, b, c = (LazyTensor(x[index[:, p].long()][:, None, :]) for p in range(3))
            pairs = torch.cat([(u * v).sum(2).sum(1) for u, v in ((a, b), (a, c), (b, c))], dim=1)
            return (torch.logsumexp(pairs, dim=1) - pairs[:, 0]).mean()

        peers["keops"] = with_keops
    return {name: _step(rows_of(case), call) for name, call in peers.items()}


def _probe_peers(case: GpuCase) -> dict[str, Call]:
    """Autograd, with the weights on the device, where an optimizer of torch would leave them."""
    rows, index = rows_of(case), _index(case)
    weights = torch.from_numpy(start(case.case.d)).float().cuda()

    def loss(w: Tensor) -> Tensor:
        z = rows @ w
        return _mean_loss(z @ z.T, index)

    return {"torch": _step(weights, loss), "torch compiled": _step(weights, torch.compile(loss))}


PEERS: dict[str, Callable[[GpuCase], dict[str, Call]]] = {
    "odd_one_out_from": _decision_peers,
    "score sums": _sum_peers,
    "odd_one_out": _row_peers,
    "similarity cosine": _similarity_peers,
    "similarity cosine of x and y": _similarity_peers,
    "triplet_gradient": _gradient_peers,
    "triplet_gradient soft": _gradient_peers,
    "triplet_loss": _loss_peers,
    "probe step": _probe_peers,
    "topk": _topk_peers,
    "object resamples": lambda case: {},  # plain torch is one of pyalign's own backends
}
