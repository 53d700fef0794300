"""The measures of representations against what public implementations give on the same data, and against formulas."""

from __future__ import annotations

import json

import numpy as np
import pytest
import scipy.linalg
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from support import reals, seeds

import pyalign
from pyalign.errors import InputError
from pyalign.measures import get_measure
from pyalign.pairwise.rdms import REPRESENTATION_MEASURES, get_representation_measure

# Our measure, the row of the file, and what its value is of ours.
SAME, COSINE = (lambda value: value), np.cos
ROWS = {
    "linear-cka": ("cka-kernel=linear-hsic=gretton-score", SAME),
    "debiased-cka": ("cka-kernel=linear-hsic=song-score", SAME),
    "lange-cka": ("cka-kernel=linear-hsic=lange-score", SAME),
    "rbf-cka:sigma=1": ("cka-kernel=(rbf-sigma=1.0)-hsic=gretton-score", SAME),
    "debiased-rbf-cka:sigma=1": ("cka-kernel=(rbf-sigma=1.0)-hsic=song-distance=angular", COSINE),
    "rsa-pearson": ("rsa-rdm=correlation-compare=pearson", SAME),
    "rsa-spearman": ("rsa-rdm=correlation-compare=spearman", SAME),
    "rsa-pearson:cosine": ("rsa-rdm=cosine-compare=pearson", SAME),
    "rsa-spearman:cosine": ("rsa-rdm=cosine-compare=spearman", SAME),
    "rsa-pearson:neg_euclidean": ("rsa-rdm=euclidean-compare=pearson", SAME),
    "procrustes": ("procrustes-score", SAME),
    "cca": ("cca-score", SAME),
    "svcca": ("svcca-var=0.99-score", SAME),
    "svcca:0.95": ("svcca-var=0.95-score", SAME),
    "svcca:10": ("svcca-dim=10-score", SAME),
}


def score(x, y, measure):
    return pyalign.cka({"x": x, "y": y}, measure=measure, n_permutations=0, ci=None)[0].matrix[0][1]


def uniform():
    """As the file says that its data were made."""
    state = np.random.RandomState(0)
    return state.uniform(size=(30, 25)), state.uniform(size=(30, 25))


@pytest.mark.parametrize("measure", ROWS)
def test_measures_give_what_public_implementations_give(measure, data):
    row, of_ours = ROWS[measure]
    told = json.loads((data / "similarity_reference.json").read_text())["measures"][row]
    assert abs(score(*uniform(), measure) - of_ours(told["value"])) < 1e-6


def test_every_measure_has_a_row_or_a_reason():
    """Neighbors are compared by other shares there; weights of PWCCA are arbitrary where correlations are equal."""
    with_rows = {measure.partition(":")[0] for measure in ROWS}
    assert set(REPRESENTATION_MEASURES) - with_rows == {"mutual-knn", "cknna", "pwcca"}


def test_the_row_of_pwcca_has_no_answer():
    """Of 25 + 25 dimensions in 30 rows 21 correlations are 1: which directions they belong to is rounding."""
    q, r = (scipy.linalg.orth(x - x.mean(axis=0)) for x in uniform())
    assert (np.linalg.svd(q.T @ r)[1] > 1 - 1e-12).sum() == 21


# Definitions, written from the formulas


def center(n):
    return np.eye(n) - 1 / n


def u_centered(kernel):
    """Szekely and Rizzo 2014, equation 2.2, of similarities."""
    n, k = len(kernel), kernel - np.diag(np.diag(kernel))
    out = k - k.sum(0) / (n - 2) - k.sum(1)[:, None] / (n - 2) + k.sum() / ((n - 1) * (n - 2))
    return out - np.diag(np.diag(out))


def cosine_of(a, b):
    return (a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum())


def cka_by_definition(x, y):
    return cosine_of(*(center(len(z)) @ z @ z.T @ center(len(z)) for z in (x, y)))


def debiased_by_definition(x, y):
    return cosine_of(*(u_centered(z @ z.T) for z in (x, y)))


def lange_by_definition(x, y):
    lower = np.tril_indices(len(x), -1)
    return cosine_of(*((center(len(z)) @ z @ z.T @ center(len(z)))[lower] for z in (x, y)))


def rbf_kernel(x, factor):
    squares = ((x[:, None] - x[None]) ** 2).sum(axis=2)
    median = np.median(np.sqrt(squares[np.triu_indices(len(x), 1)]))
    return np.exp(-squares / (2 * (factor * median) ** 2))


def knn_by_definition(x, y, k):
    near = []
    for z in (x, y):
        unit = z / np.linalg.norm(z, axis=1, keepdims=True)
        s = unit @ unit.T
        np.fill_diagonal(s, -np.inf)
        near.append(np.argsort(-s, axis=1, kind="stable")[:, :k])
    return np.mean([len(set(a) & set(b)) / k for a, b in zip(*near, strict=True)])


def pwcca_by_definition(x, y):
    """Morcos et al. 2018, section 3: correlations weighted by sum_j |<h_i, x_j>|, h_i the canonical variates of x."""
    x, y = x - x.mean(0), y - y.mean(0)
    qx, qy = np.linalg.qr(x)[0], np.linalg.qr(y)[0]
    u, s, _ = np.linalg.svd(qx.T @ qy, full_matrices=False)
    weights = np.abs((qx @ u).T @ x).sum(axis=1)
    return s @ weights / weights.sum()


sizes = st.integers(5, 40)
widths = st.integers(2, 60)


@given(seed=seeds, n=sizes, d=widths, e=widths)
def test_cka_is_the_formula(seed, n, d, e):
    """Of few features, which are multiplied, and of many, whose matrices are."""
    x, y = reals(seed, n, d, dtype=np.float64), reals(seed + 1, n, e, dtype=np.float64) + 5
    assert score(x, y, "linear-cka") == pytest.approx(cka_by_definition(x, y), abs=1e-9)
    assert score(x, y, "debiased-cka") == pytest.approx(debiased_by_definition(x, y), abs=1e-9)
    assert score(x, y, "lange-cka") == pytest.approx(lange_by_definition(x, y), abs=1e-9)


@pytest.mark.parametrize("factor", [0.3, 1.0, 2.0])
def test_bandwidths_are_factors_of_the_median_distance(factor):
    x, y = reals(1, 30, 6, dtype=np.float64), reals(2, 30, 9, dtype=np.float64)
    kernels = [rbf_kernel(z, factor) for z in (x, y)]
    expected = cosine_of(*(center(30) @ k @ center(30) for k in kernels))
    assert score(x, y, f"rbf-cka:{factor}") == pytest.approx(expected, abs=1e-9)
    assert score(x, y, f"debiased-rbf-cka:{factor}") == pytest.approx(cosine_of(*map(u_centered, kernels)), abs=1e-9)


def test_an_rbf_of_a_wide_bandwidth_is_linear():
    """Kornblith et al. 2019, section 4: differences are then those of the squared distances."""
    x, y = reals(1, 40, 6, dtype=np.float64), reals(2, 40, 9, dtype=np.float64)
    assert score(x, y, "rbf-cka:1000") == pytest.approx(score(x, y, "linear-cka"), abs=1e-5)


@given(seed=seeds, n=st.integers(4, 30), d=widths, k=st.integers(1, 3))
def test_mutual_neighbors_are_the_share_in_common(seed, n, d, k):
    x, y = reals(seed, n, d, dtype=np.float64), reals(seed + 1, n, 3, dtype=np.float64)
    assert score(x, y, f"mutual-knn:{k}") == pytest.approx(knn_by_definition(x, y, k), abs=1e-12)


@given(seed=seeds, n=st.integers(5, 30), d=widths)
def test_cknna_of_all_neighbors_is_debiased_cka_of_unit_rows(seed, n, d):
    x, y = reals(seed, n, d, dtype=np.float64), reals(seed + 1, n, 7, dtype=np.float64)
    units = [z / np.linalg.norm(z, axis=1, keepdims=True) for z in (x, y)]
    assert score(x, y, f"cknna:{n - 1}") == pytest.approx(debiased_by_definition(*units), abs=1e-8)


def cknna_by_definition(x, y, k):
    """The published code's way (Huh et al. 2024), restated: the unbiased HSIC of similarities that a mask leaves."""
    n, masks, kernels = len(x), [], []
    for z in (x, y):
        unit = z / np.linalg.norm(z, axis=1, keepdims=True)
        s = unit @ unit.T
        np.fill_diagonal(s, 0)
        order = np.argsort(-(s - 4 * np.eye(n)), axis=1, kind="stable")[:, :k]
        mask = np.zeros((n, n))
        np.put_along_axis(mask, order, 1, axis=1)
        masks.append(mask)
        kernels.append(s)

    def alignment(i, j):
        a, b = (masks[i] * masks[j] * kernels[one] for one in (i, j))
        return (a * b.T).sum() + a.sum() * b.sum() / ((n - 1) * (n - 2)) - 2 * (a @ b).sum() / (n - 2)

    return alignment(0, 1) / np.sqrt(alignment(0, 0) * alignment(1, 1))


@given(seed=seeds, n=st.integers(12, 40), k=st.integers(2, 6))
def test_cknna_is_the_published_formula(seed, n, k):
    x = reals(seed, n, 5, dtype=np.float64)
    y = x + 0.5 * reals(seed + 1, n, 5, dtype=np.float64)
    assert score(x, y, f"cknna:{k}") == pytest.approx(cknna_by_definition(x, y, k), abs=1e-9)
    assert score(y, x, f"cknna:{k}") == pytest.approx(cknna_by_definition(y, x, k), abs=1e-9)


@given(seed=seeds, d=st.integers(1, 6), e=st.integers(1, 6))
def test_canonical_correlations_are_weighted_as_published(seed, d, e):
    x, y = reals(seed, 50, d, dtype=np.float64), reals(seed + 1, 50, e, dtype=np.float64)
    expected = pwcca_by_definition(x, y) if d <= e else pwcca_by_definition(y, x)
    assert score(x, y, "pwcca") == pytest.approx(expected, abs=1e-9)


def test_cca_is_what_linear_regression_explains():
    """One dimension against several: the canonical correlation is the multiple one."""
    x, y = reals(1, 60, 1, dtype=np.float64), reals(2, 60, 4, dtype=np.float64)
    x += y[:, :1]
    design = np.column_stack([y, np.ones(60)])
    fitted = design @ np.linalg.lstsq(design, x, rcond=None)[0]
    assert score(x, y, "cca") == pytest.approx(np.corrcoef(fitted[:, 0], x[:, 0])[0, 1], abs=1e-9)


def test_procrustes_is_the_best_rotation():
    x, y = reals(1, 60, 4, dtype=np.float64), reals(2, 60, 4, dtype=np.float64)
    x, y = x - x.mean(0), y - y.mean(0)
    turn, total = scipy.linalg.orthogonal_procrustes(y, x)
    assert score(x, y, "procrustes") == pytest.approx(total / (np.linalg.norm(x) * np.linalg.norm(y)), abs=1e-9)
    distance = np.linalg.norm(x / np.linalg.norm(x) - y @ turn / np.linalg.norm(y))
    assert 2 - 2 * score(x, y, "procrustes") == pytest.approx(distance**2, abs=1e-9)


@pytest.mark.parametrize(("measure", "correlate"), [
    ("rsa-pearson", scipy.stats.pearsonr), ("rsa-spearman", scipy.stats.spearmanr),
])
def test_rsa_of_two_models_is_scipys_correlation_of_pairs(measure, correlate):
    """Ties among them: rows of whole numbers."""
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 3, (40, 6)).astype(float), rng.integers(0, 3, (40, 5)).astype(float)
    upper = np.triu_indices(40, 1)
    pairs = [pyalign.similarity(z, measure="neg_sqeuclidean")[upper] for z in (x, y)]
    assert score(x, y, f"{measure}:neg_sqeuclidean") == pytest.approx(correlate(*pairs)[0], abs=1e-12)


@pytest.mark.parametrize("measure", REPRESENTATION_MEASURES)
def test_a_model_that_is_turned_and_scaled_is_the_same(measure):
    """By a rotation and a factor; all measures are blind to both, but for Pearson correlations of features."""
    x = reals(3, 60, 8, dtype=np.float64)
    turn = scipy.stats.ortho_group.rvs(8, random_state=1)
    asked = f"{measure}:cosine" if measure.startswith("rsa") else measure
    assert score(x, 1e-30 * (x @ turn), asked) == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("measure", REPRESENTATION_MEASURES)
def test_float32_and_float16_are_near_float64(measure):
    x = reals(3, 60, 8, dtype=np.float64)
    y = np.tanh(x) @ reals(4, 8, 12, dtype=np.float64)
    exact = score(x, y, measure)
    assert score(x.astype(np.float32), y.astype(np.float32), measure) == pytest.approx(exact, abs=1e-5)
    assert score(x.astype(np.float16), y.astype(np.float16), measure) == pytest.approx(exact, abs=2e-2)


def test_several_measures_where_one_is_taken_are_refused_as_they_are(message_of):
    for get in (get_representation_measure, get_measure):
        told = message_of(get, ["dot", "cosine"])
        assert told.endswith("; got ['dot', 'cosine']") and told.startswith("measure must be one of ")


@pytest.mark.parametrize(("asked", "told"), [
    ("linear_cka", "measure must be one of"),
    ("linear-cka:2", "measure 'linear-cka' takes no parameter; got 'linear-cka:2'"),
    ("rbf-cka:0", "bandwidth of rbf-cka must be a positive factor of the median distance, or sigma=S; got '0'"),
    ("rbf-cka:width=2", "or sigma=S; got 'width=2'"),
    ("mutual-knn:0", "neighbors of mutual-knn must be a whole number of at least 1; got '0'"),
    ("cknna:1", "at least 2; got '1'"),
    ("svcca:1.5", "dimensions of svcca must be a whole number, or a share of the variance; got '1.5'"),
    ("rsa-pearson:manhattan", "similarity of rsa-pearson must be one of cosine"),
    ("linear-cka,cca", "separate measures by spaces"),
])
def test_wrong_measures_are_refused(asked, told, message_of):
    assert told in message_of(get_representation_measure, asked)
    with pytest.raises(InputError):
        score(*uniform(), asked)


def test_models_of_things_are_as_similar_as_the_formulas_say(data):
    """CLIP, word vectors and the dimensions that people judge by, all 1,854 objects."""
    things = data / "things"
    x, y, z = (
        np.load(things / name).astype(np.float64) for name in ("clip_vit_b32.npy", "vice_42d.npy", "word2vec.npy")
    )
    assert score(x, y, "debiased-cka") == pytest.approx(debiased_by_definition(x, y), abs=1e-9)
    assert score(x, y, "debiased-cka") == pytest.approx(0.652936, abs=1e-6)
    assert score(x.astype(np.float32), z.astype(np.float32), "linear-cka") == pytest.approx(
        cka_by_definition(x, z), abs=1e-6
    )
    assert score(x, z, "mutual-knn") == pytest.approx(0.16100, abs=1e-5)
