"""A step of training can be captured in a CUDA graph: as far as can be told without a device, and replayed on one."""

from __future__ import annotations

import pytest
from support import draw_triplets, reals

torch = pytest.importorskip("torch", reason="torch is not installed")

from capture import Capture, Outside  # noqa: E402

from pyalign.backends import _native_kernels  # noqa: E402
from pyalign.integrations import _loss_kernels, _loss_ops, _loss_terms, _torch_kernels  # noqa: E402

MEASURES = ("dot", "cosine", "pearson", "neg_sqeuclidean", "neg_euclidean", "rbf:1.5")
ROUTES = pytest.mark.parametrize("t", [400, 9], ids=["matrix", "rows"])


@pytest.fixture(autouse=True)
def kernels_of_a_device(monkeypatch):
    """Those of the CPU in their place."""
    monkeypatch.setattr(_torch_kernels, "kernels_for", lambda *_: (Outside(_native_kernels.KERNELS), False))


def problem(t):
    x, triplets = torch.from_numpy(reals(1, 30, 7)), torch.from_numpy(draw_triplets(2, 30, t))
    return x, triplets, torch.rand(t, 3, generator=torch.Generator().manual_seed(3)), torch.tensor(0.5)


def step(measure, x, triplets, answers, temperature):
    """The loss and its gradients: what the ops run, forward and backward."""
    if temperature is not None:
        temperature = _loss_terms.checked_temperature(temperature)
    if answers is not None:
        answers = _loss_terms.weighed_answers(x, triplets, answers, None)
    options = measure, 0.5, True
    value, s, gradient = _loss_kernels.loss(x, triplets, answers, temperature, *options, True)
    saved = x, s, gradient, triplets, answers, temperature
    return value, *_loss_kernels.loss_gradient(torch.ones_like(value), *saved, *options, True)


def step_of_each(measure, x, triplets):
    """The same of losses for each triplet."""
    pairs, matrix = _loss_kernels.triplet_similarities(x, triplets, measure)
    by_rows = _loss_kernels.triplet_similarities_gradient(torch.ones_like(pairs), x, pairs, matrix, triplets, measure)
    return _loss_ops._each(pairs, 0.5, None), by_rows


@pytest.mark.compiled
@pytest.mark.parametrize("measure", MEASURES)
@ROUTES
def test_a_step_asks_for_nothing_that_a_capture_refuses_and_computes_what_it_computes_on_the_cpu(measure, t):
    x, triplets, answers, temperature = problem(t)
    cases = [lambda a=a, b=b: step(measure, x, triplets, a, b) for a in (None, answers) for b in (None, temperature)]
    for case in (*cases, lambda: step_of_each(measure, x, triplets)):
        expected = case()
        with Capture() as capture:
            found = case()
        assert capture.calls > 20 and capture.refused == []
        for ours, theirs in zip(found, expected, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.plants
@pytest.mark.parametrize(
    "refused",
    [
        lambda x: x.sum().item(),
        lambda x: bool(x.any()),
        lambda x: x[x > 0],
        lambda x: x[:, [1, 0]],
        lambda x: x + torch.tensor([1.0]),
        lambda x: x.cpu(),
        lambda x: x.nonzero(),
    ],
    ids=["number", "truth", "mask", "list", "numbers of the host", "copy to the host", "places"],
)
def test_what_a_capture_refuses_is_noticed(refused):
    x = torch.ones(3, 2)
    with Capture() as capture:
        refused(x)
    assert capture.refused
