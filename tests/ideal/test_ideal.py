"""An ideal observer walks through every command: what it finds is what the world says, whatever the world.

A figure may be off by four standard errors, which are at most a point (more where stated), or 5 % of the figure.
"""

from __future__ import annotations

import re
import warnings
from functools import partial

import pytest
from ideal import kinds as says
from ideal.worlds import SETTINGS, N, world

import pyalign
from pyalign.datasets.simulate import simulate
from pyalign.kinds import KINDS


def by_dot(function, models=lambda w: w.models, **options):
    return lambda w: function(models(w), w.rows, measure="dot", subjects=w.subjects, **options)


def score(w):
    groups, people = (w.rows < N // 2).sum(axis=1) >= 2, pyalign.noise_ceiling(w.rows, subjects=w.subjects)
    return by_dot(pyalign.score, groups=groups.astype(int), ceiling=people)(w)


def metadata(w):
    rows = [{"model": f"grade {k}", "noise": a} for k, a in enumerate(says.GRADES)]
    return pyalign.regress_metadata(by_dot(pyalign.compare, says.graded)(w), rows)


def transfer(w):
    to_half = pyalign.Transform(says.np.diag([1.0, 1.0, 1.0, 0.0, 0.0]), None, 0.0, 1.0)
    on = {"answers": w.rows, "pairs": pyalign.RDMs(says.judged(w), "similarity")}
    return pyalign.transfer(w.models["half"], {"map": to_half}, on, measure="dot", k=says.K)


def fitted(function, name, w, **options):
    return function(w.models[name], w.rows, norm="squared", standardize="none", **options)


KINDS_OF = lambda w: pyalign.Categories.of([f"kind {k}" for k in w.x.argmax(axis=1)])  # noqa: E731
PROBE, FIT = partial(fitted, pyalign.cross_validate_probe), partial(fitted, pyalign.fit_probe)
EMBED, TRIPLETS = (1e-5, 0.01), {"split": "triplets", "penalties": says.PENALTY}
ROWS = {  # kind -> how a world is put into it; of what is fitted to one model, for each
    "score": score,
    "permutation": lambda w: pyalign.permutation_test(w.x, w.rows, measure="dot", n_permutations=100),
    "compare": by_dot(pyalign.compare, says.ordered, choose_best=True),
    "metadata": metadata,
    **{f"probe: {name}": partial(PROBE, name, folds=3, **TRIPLETS) for name in ("ideal", "half", "chance")},
    **{f"fit: {name}": partial(FIT, name, penalty=says.PENALTY) for name in ("ideal", "half", "chance")},
    "transfer": transfer,
    "concepts": lambda w: by_dot(pyalign.score_concepts, dimensions=says.two_dimensions(w))(w),
    "predict": lambda w: pyalign.predict_dimensions(w.models, w.x, triplets=w.rows),
    "embed": lambda w: pyalign.cross_validate_embedding(
        w.rows, folds=3, split="triplets", penalties=[EMBED], n_seeds=1, against={"ideal": w.x}),
    "embedding": lambda w: pyalign.fit_embedding(w.rows, shrinkage=EMBED[0], sparsity=EMBED[1]),
    "calibrate": by_dot(pyalign.calibrate, says.better_than_chance, split=None, lapses=True),
    "agreement": by_dot(pyalign.agreement),
    "ceiling": lambda w: pyalign.noise_ceiling(w.rows, subjects=w.subjects),
    "rsa": lambda w: pyalign.rsa(w.models, says.judged(w), kind="similarity", measure="dot"),
    "cka": lambda w: pyalign.cka(w.models, n_permutations=20),
    "layers": lambda w: pyalign.layer_similarity(w.models, {"first": w.x}, n_permutations=20),
    "consistency": lambda w: by_dot(pyalign.error_consistency, dimensions=says.two_dimensions(w))(w),
    "recover": lambda w: pyalign.recover(
        says.better_than_chance(w), w.rows, measure="dot", n_simulations=20, n_triplets=[2000]),
    "neighborhoods": lambda w: pyalign.neighborhoods(
        w.models, w.x, before=w.x, categories=KINDS_OF(w), k=says.K, n_permutations=20),
    "failures": by_dot(pyalign.find_failures, limit=1),
    "simulate": lambda w: simulate(w.x, 40_000, measure="dot", temperature=1.0),
}
# Four standard errors of correlations of 1,600 triplets; of kappas near 0; in triplets; of differences of models, in
# points and, of a part of the answers or of a fit, in nats.
POINTS = {"agreement": 0.05, "consistency": 0.03, "failures": 500, "compare": 0.015, "concepts": 0.06, "embed": 0.02}
WITHOUT = {  # why a kind has no row: kinds
    "its figures are those of its steps, which have rows": "study; report",
    "it plans: tools/plan_experiments.py and tools/chosen_triplets.py simulate what it promises":
        "plan experiment; plan triplets",
    "it says of embeddings alone which rows are alike": "neighbors",
    "it makes or draws data": "extract; triplets",
    "it lists, describes or downloads what there is": """models list; models layers; models table; describe;
        descriptions; datasets list; datasets info; datasets fetch""",
}
NO_TRUTH = {  # why a world says nothing of a figure: the last word of its path, or with a stroke one before
    "an error: tools/simulation simulates how often intervals hold": """
        error standard_error cross_entropy_standard_error accuracy_error cross_entropy_error zero_shot_error
        difference_error""",
    "a test: its rate is in test_rates.py": """
        p_value p_adjusted p_max_t p_lowest p_highest rbo_p_value permutations alpha null_threshold""",
    "a test: tests/concept/test_neighborhoods.py counts its relabelings": "purity_p_value",
    "a number, a setting or a time": """
        schema chance temperature n_triplets n_ties n_objects n_answers n_distinct n_pairs n_models n_within_folds
        n_train n_test n_passes n_iterations n_choices n_missed n_with_concept n_persons n_assignment_ties
        n_repeats_within_person n repeats seed seconds triplets_per_second penalty penalties k folds draws
        shrinkage sparsity target n_needed n_needed_within simulations drawn rbo_p steps min_answers min_triplets
        confidence resamples noise top""",
    "of other objects: tools/simulation simulates it": """
        components/ cross_entropy_components/ spread group_spread pooled effective_objects effective_subjects
        covariance cross_entropy_covariance""",
    "it follows from figures beside it": "calibrated line/ chosen/ explained ratio",
    "of a solver, or drawn in by a penalty": "gap gradient_norm rank residual zeros norm fit/ dimensions/ objective",
    "of too few answers, fits or objects for a point": """
        bins/ entropy_bins/ equal_width/ equal_mass/ ece_equal_mass_before accuracy_within_folds lowest/ objects/
        folds/ stability/ groups/ lapses/ categories/""",
    "of rows: which are alike, and which stand for a concept": "n_tied duplicates/ medoid/ top/",
}
PARTS = {"groups", "concepts", "missed", "differences", "folds", "bins", "entropy_bins", "dimensions"}  # have fewer
SAID_WHY = {word for words in NO_TRUTH.values() for word in words.split()}


def test_each_kind_of_result_has_a_row_or_a_reason():
    rows, without = {row.partition(":")[0] for row in ROWS}, [*map(str.strip, "; ".join(WITHOUT.values()).split(";"))]
    assert sorted([*rows, *without]) == sorted(KINDS)


def numbers(value, path=""):
    """(path, number) of all numbers in a document that are no ends of an interval."""
    if isinstance(value, dict | list):
        for key, one in value.items() if isinstance(value, dict) else enumerate(value):
            if not re.search("(ci|interval)$|^(provenance|notes|options|intervals)$", str(key)):
                yield from numbers(one, f"{path}/{key}")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield path[1:], value


def counted(w, kind, found):
    """Path -> how many there are in the world, of figures that count all answers, triplets and objects."""
    known = {"n_objects": N, "n_distinct": len(w.triplets), "n_subjects": len(w.by_person), "n_people": 5}
    known |= dict.fromkeys(("n_dropped", "n_missing", "n_unused", "n_undecided"), 0)
    if kind not in ("recover", "simulate"):  # which draw their own
        known |= dict.fromkeys(("n_triplets", "n_answers", "n_predicted"), len(w.rows))
    ends = {path: path.split("/") for path in found}
    return {path: (known[of[-1]], 0.0) for path, of in ends.items() if of[-1] in known and not PARTS & {*of}}


def off(kind, found, expected):
    """Path -> found, truth and reach, of figures that are off, or whose errors say too little of them."""
    wrong = {}
    for path, said in expected.items():
        value, error = said if isinstance(said, tuple) else (said, None)
        most = max(POINTS.get(kind, 0.01), 0.05 * abs(value))
        reach = most if error is None else 4 * error + 1e-9
        if reach > most or not abs(found[path] - value) <= reach:
            wrong[path] = (found[path], value, reach)
    return wrong


def cells():
    """A third of them in `make test`, each row in two worlds, and the others in the long tests."""
    quick = [name for name in SETTINGS if name != "five people"]
    for name in SETTINGS:
        for k, row in enumerate(ROWS):
            often = name in (quick[k % len(quick)], quick[(k + 2) % len(quick)])
            yield pytest.param(row, name, marks=pytest.mark.suite("test") if often else pytest.mark.slow)


@pytest.mark.parametrize("row, name", [*cells()])
def test_each_figure_is_what_the_world_says(row, name):
    w, (kind, _, model) = world(name), row.partition(": ")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = ROWS[row](w)
    found, expected = dict(numbers(result.to_dict())), getattr(says, kind.replace(" ", "_"))
    expected = expected(model, w, result) if model else expected(w, result)
    expected = counted(w, kind, found) | expected
    assert expected.keys() <= found.keys()
    assert off(kind, found, expected) == {}
    rest = [re.sub("(/[0-9]+)+$", "", path).split("/") for path in found.keys() - expected.keys()]
    assert ["/".join(path) for path in rest if not SAID_WHY & {path[-1], *(f"{one}/" for one in path[:-1])}] == []
