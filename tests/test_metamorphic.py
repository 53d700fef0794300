"""What must change no figure: the order of rows, names, unused rows, a file in parts, formats, other models.

A function of `pyalign.__all__` that takes triplets, embeddings or matrices has a line in `CALLS`; the other names are
in `WITHOUT`, by what they are. Each change is made to the data of each call. `EXCEPTIONS` says why some may change a
figure, and they do: a test that passes in spite of its exception fails.
"""

from __future__ import annotations

import inspect
import math
import re
import warnings
from functools import cache

import numpy as np
import pytest
from metamorphic_world import (
    CHANGES, OF_TRIPLETS, N, World, in_a_data_set, only, read_again, some_missing, without_missing, world,
)

import pyalign
from pyalign import Resampling, Transform, build_index
from pyalign._result import Result

pytest.importorskip("scipy", reason="scipy is not installed")

DRAWN, SETS = Resampling("objects", n_resamples=64), Resampling("triplets", "bootstrap", 64)
MAP = Transform(np.diag([2.0, 1.0, 1.0, 0.5, 0.0]), None, 0.0, 1.0)
KEPT = {"shrinkage": 0.002, "sparsity": 0.002}


def of_rows(w: World, values):
    """Values of the rows of the first model, in the order of names."""
    names = w.first.names
    order = np.arange(N) if names is None else np.argsort(names)
    return np.asarray(values)[order]


def square(w: World, values):
    return of_rows(w, of_rows(w, values).T).T


CALLS = {
    "score": lambda w, **o: pyalign.score(w.models, w.triplets, ci="objects+subjects", **o),
    "score: drawn objects": lambda w, **o: pyalign.score(w.models, w.triplets, ci=DRAWN, **o),
    "score: drawn sets": lambda w, **o: pyalign.score(w.models, w.triplets, ci=SETS, **o),
    "score: a matrix": lambda w, **o: pyalign.score(matrix=w.judged, triplets=w.triplets, ci=DRAWN, **o),
    "score: of a ceiling": lambda w, **o: pyalign.score(
        w.models, w.triplets, ceiling=pyalign.noise_ceiling(w.triplets), ci="objects+subjects", **o
    ),
    "score: groups": lambda w, **o: pyalign.score(w.models, w.triplets, groups="subjects", **o),
    "score: permutations": lambda w, **o: pyalign.score(w.models, w.triplets, n_permutations=20, ci=None, **o),
    "score: a matrix, permutations": lambda w, **o: pyalign.score(
        matrix=w.judged, triplets=w.triplets, n_permutations=20, ci=None, **o
    ),
    "score_choices": lambda w: pyalign.score_choices(pyalign.odd_one_out(w.first, w.triplets), w.triplets, ci=DRAWN),
    "compare": lambda w, **o: pyalign.compare(w.models, w.triplets, choose_best=True, **o),
    "compare: drawn objects": lambda w, **o: pyalign.compare(w.models, w.triplets, ci=DRAWN, **o),
    "error_consistency": lambda w, **o: pyalign.error_consistency(w.models, w.triplets, dimensions=w.dimensions, **o),
    "error_consistency: drawn": lambda w, **o: pyalign.error_consistency(w.models, w.triplets, ci=DRAWN, **o),
    "agreement": lambda w, **o: pyalign.agreement(w.models, w.triplets, **o),
    "calibrate": lambda w, **o: pyalign.calibrate(w.models, w.triplets, **o),
    "calibrate: over triplets": lambda w, **o: pyalign.calibrate(w.models, w.triplets, split="triplets", **o),
    "noise_ceiling": lambda w: pyalign.noise_ceiling(w.triplets),
    "permutation_test": lambda w, **o: pyalign.permutation_test(w.first, w.triplets, n_permutations=20, **o),
    "permutation_test: a matrix": lambda w, **o: pyalign.permutation_test(w.judged, w.triplets, n_permutations=20, **o),
    "find_failures": lambda w, **o: pyalign.find_failures(w.models, w.triplets, limit=10, **o),
    "plan_experiment": lambda w: pyalign.plan_experiment(pyalign.score(w.first, w.triplets), difference=0.05),
    "regress_metadata": lambda w: pyalign.regress_metadata(
        pyalign.compare(w.models, w.triplets), {name: {"noise": len(name)} for name in w.models}
    ),
    "score_concepts": lambda w, **o: pyalign.score_concepts(w.models, w.triplets, w.dimensions, ci=DRAWN, **o),
    "score_concepts: categories": lambda w, **o: pyalign.score_concepts(
        w.models, w.triplets, categories=w.categories, **o
    ),
    "abstraction_levels": lambda w: pyalign.abstraction_levels(w.triplets, w.categories, w.categories),
    "predict_dimensions": lambda w, **o: pyalign.predict_dimensions(w.models, w.dimensions, triplets=w.triplets, **o),
    "neighborhoods: concepts": lambda w: pyalign.neighborhoods(
        w.first, dimensions=w.dimensions, n_permutations=0, ci=None),
    "match_dimensions": lambda w: vars(pyalign.match_dimensions(w.dimensions, w.first)),
    "rsa": lambda w, **o: pyalign.rsa(w.models, w.human, n_permutations=20, **o),
    "rsa: drawn": lambda w, **o: pyalign.rsa(w.models, w.human, ci=DRAWN, weighted=True, **o),
    "cka": lambda w: pyalign.cka(w.models, n_permutations=20),
    "layer_similarity": lambda w: pyalign.layer_similarity(w.models, {"first": w.first}, n_permutations=20),
    "cka: of neighbors": lambda w: pyalign.cka(w.models, measure="mutual-knn:3", n_permutations=20),
    "cka: in batches": lambda w: pyalign.cka(w.models, batch_size=6),
    "neighborhoods": lambda w: pyalign.neighborhoods(w.models, w.dimensions, k=3, n_permutations=20),
    "neighborhoods: purity": lambda w: pyalign.neighborhoods(w.models, categories=w.categories, k=3, n_permutations=20),
    "neighborhoods: changes": lambda w: pyalign.neighborhoods(w.second, before=w.first, k=3),
    "neighborhoods: hubs": lambda w: pyalign.neighborhoods(w.models, k=3),
    "neighbors": lambda w: of_rows(w, pyalign.neighbors(w.first, k=3).similarities),
    "build_index": lambda w: of_rows(
        w, pyalign.neighbors(w.first, k=3, index=build_index(w.first, index="flat")).similarities
    ),
    "neighborhoods: duplicates": lambda w: pyalign.neighborhoods(w.first, threshold=0.5)[0].n_pairs,
    "similarity": lambda w: square(w, pyalign.similarity(w.first)),
    "choice_similarity": lambda w: square(w, pyalign.choice_similarity(w.first)),
    "odd_one_out": lambda w: pyalign.odd_one_out(w.first, w.triplets).mean(),
    "choice_probabilities": lambda w: pyalign.choice_probabilities(w.first, w.triplets).mean(axis=0),
    "triplet_gradient": lambda w: pyalign.triplet_gradient(w.judged, w.triplets)[0],
    "transfer": lambda w, **o: pyalign.transfer(
        w.first, {"map": MAP}, {"people": w.triplets, "pairs": w.human}, categories=w.categories, k=3, **o
    ),
    "recover": lambda w, **o: pyalign.recover(w.models, w.triplets, temperature=0.3, n_simulations=3, **o),
    "recover: by probes": lambda w, **o: pyalign.recover(
        w.models, w.triplets, temperature=0.3, n_simulations=1, refit="probe", penalties=0.1, n_triplets=[600], **o
    ),
    "fit_probe": lambda w, **o: pyalign.fit_probe(w.first, w.triplets, penalty=0.1, **o),
    "probe_path": lambda w, **o: pyalign.probe_path(w.first, w.triplets, penalties=[0.3, 0.1], **o),
    "TripletProbe": lambda w, **o: pyalign.TripletProbe(penalty=0.1, **o).fit(w.first, w.triplets).fit_,
    "cross_validate_probe": lambda w, **o: pyalign.cross_validate_probe(
        w.first, w.triplets, penalties=(0.3, 0.1), repeats=2, **o
    ),
    "cross_validate_probe: triplets": lambda w, **o: pyalign.cross_validate_probe(
        w.first, w.triplets, split="triplets", penalties=0.1, repeats=1, **o
    ),
    "cross_validate_probe: subjects": lambda w, **o: pyalign.cross_validate_probe(
        w.first, w.triplets, split="subjects", penalties=0.1, repeats=1, **o
    ),
    "cross_validate_probe: images": lambda w, **o: pyalign.cross_validate_probe(
        w.first, w.triplets, penalties=0.1, repeats=1, other_embeddings=w.images, norm="identity", batch_size=5, **o
    ),
    "fit_embedding": lambda w: pyalign.fit_embedding(w.triplets, **KEPT),
    "embedding_path": lambda w: pyalign.embedding_path(w.triplets, penalties=[(0.002, 0.002)]),
    "TripletEmbedding": lambda w: pyalign.TripletEmbedding(**KEPT).fit(w.triplets).fit_,
    "cross_validate_embedding": lambda w: pyalign.cross_validate_embedding(
        w.triplets, folds=2, penalties=[(0.002, 0.002)], n_seeds=1, halves=True
    ),
    "write_embeddings": lambda w: of_rows(w, w.first.values),  # read again below
}
WITHOUT = {
    name: why
    for why, names in {
        "takes no triplets, embeddings or matrices": """
            AssumptionWarning ConvergenceWarning EmbeddingOptions InputError Interval Components Metadata
            MissingExtraError ProbeOptions Resampling SlowWarning Encoder Images __version__ as_images datasets extract
            fraction_of_ceiling list_models load_encoder results""",
        "holds data, of which it computes nothing": """
            Answers Categories DataSet Embeddings RDMs NeighborIndex Transform TripletPlan Triplets""",
        "reads or writes files: its figures are those of functions that are called here": """
            describe load_dataset load_embeddings load_index load_rdms load_metadata load_result load_transform
            load_triplets merge_extractions run_study run_unit study_units write_report write_transform""",
        "draws new triplets of the numbers of rows, and returns these": "plan_triplets sample_triplets",
        "draws results, whose numbers are compared here, or rows as they are given": "plot",
    }.items()
    for name in names.split()
}
TWICE, PARTS, MORE, UNNAMED, RDMS, SETS_OF_FILES = (
    "each triplet twice", "a file in two parts", "unused rows", "rows in another order, without names",
    "RDMs of rsatoolbox", "data sets",
)
SIMULATED = "choices are simulated triplet by triplet, in their order"
EXCEPTIONS = {
    (change, name): why
    for (change, why), names in {
        (UNNAMED, "nothing has a name: what is drawn, or shown of each row, is in the order of the numbers"): """
            score: drawn objects; score: drawn sets; score: a matrix; score: permutations;
            score: a matrix, permutations;
            score_choices; compare; compare: drawn objects; layer_similarity;
            error_consistency: drawn; permutation_test;
            permutation_test: a matrix; score_concepts; predict_dimensions; rsa: drawn; cka; cka: of neighbors;
            cka: in batches; neighborhoods; neighborhoods: purity; neighbors; build_index; similarity;
            choice_similarity; transfer; cross_validate_probe; cross_validate_probe: triplets;
            cross_validate_probe: images; fit_embedding; embedding_path; TripletEmbedding; cross_validate_embedding;
            write_embeddings; neighborhoods: changes""",
        (MORE, "each row is an object that counts"): """layer_similarity;
            cka; cka: of neighbors; cka: in batches; neighborhoods: changes; neighborhoods: hubs; neighbors;
            build_index; neighborhoods: duplicates; similarity; choice_similarity; transfer; write_embeddings""",
        (MORE, "a row that the other side does not name is refused"):
            "neighborhoods: purity; neighborhoods: concepts; match_dimensions",
        ("rows in another order, without names", "of objects that occur equally often the lower row comes first"):
            "neighborhoods: concepts",
        (PARTS, SIMULATED): "recover",
        ("missing rows left out", "the ceiling is that of all triplets"): "score: of a ceiling",
        (PARTS, "of triplets that fail alike, those that come first in the file are shown"): "find_failures",
        (PARTS, "a level of each triplet, in their order"): "abstraction_levels",
        (TWICE, "a level of each triplet"): "abstraction_levels",
        (SETS_OF_FILES, "all parts of a data set are scored"): "transfer",
        (TWICE, "twice as many answers to a set say more of how far people agree"): "agreement",
        (PARTS, "of a participant's answers to a set the first in the file counts"): """
            noise_ceiling; score: of a ceiling""",
    }.items()
    for name in map(str.strip, names.split(";"))
}
# Not figures, or of one run: places of rows in a file, times, what was read from where, how long a solver took.
IGNORED = {
    *"provenance seconds notes coverage source triplets_per_second items row backend dtype".split(),
    *"n_iterations n_passes gap gradient_norm".split(),
}
SOURCES = ("embeddings", "triplets", "human", "pilot")  # where text says what was read from where
POINTS = {
    *"accuracy cross_entropy temperature value kappa difference zero_shot_accuracy null_mean objective norm".split(),
    *"loss r2 correlation cross_entropy_difference rank".split(),
}


def leaves(found, path=""):
    """(path, value) of each figure in a result, in arrays, or in either within lists."""
    if isinstance(found, Result):
        found = found.to_dict()
    if isinstance(found, np.ndarray | np.generic):
        found = found.tolist()
    if isinstance(found, dict):
        for key, value in found.items():
            if key not in IGNORED and not (key in SOURCES and isinstance(value, str | None)):
                yield from leaves(value, f"{path}/{key}")
    elif isinstance(found, list | tuple):
        yield f"{path}/length", len(found)
        for number, value in enumerate(found):
            yield from leaves(value, f"{path}/{number}")
    elif found is not None or not path.endswith(("/name", "/names")):
        yield path, re.sub("^(the )?(object|image) 0?", "", found) if isinstance(found, str) else found


def is_point(path):
    """Whether a figure does not depend on how many answers there are."""
    return not re.search("[a-z]", path) or (
        path.rpartition("/")[2] in POINTS and not re.search("ci|interval|covariance|components", path)
    )


def require_same(found, expected, tolerance, points=False):
    one, other = dict(leaves(found)), dict(leaves(expected))
    if points:
        one, other = ({path: of[path] for path in of if is_point(path)} for of in (one, other))
        assert one
    assert {path for path in one.keys() ^ other.keys() if "/name" not in path} == set()
    for path, value in other.items():
        if path not in one:  # a name, where only one side has them
            continue
        if isinstance(value, float) and not math.isnan(value):
            assert one[path] == pytest.approx(value, rel=tolerance, abs=tolerance), path
        elif not isinstance(value, float):
            assert str(one[path]) == str(value), path


def called(call, data, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return call(data, **options)


@cache
def figures_of(name):
    return called(CALLS[name], world())


def tolerance_of(name, change):
    """How far sums of T terms in another order may be apart, at most T 2^-53 = 1e-13 of the largest.

    Errors are roots of differences of such sums, a thousandth of them and more: 1e-13 * 1e3, and ten times that. A fit
    makes of a last bit what it is ended at. Of float32, 2^-24 in place of 2^-53.
    """
    of_fit = any(word in name.lower() for word in ("probe", "embedding"))
    if change == "float32 and int64":
        return 1e-3 if of_fit else 1e-5
    return 1e-5 if of_fit else 1e-9


def touches(change, name):
    """Whether a call takes what a change is made to."""
    changed = {MORE: {"models", "first", "second"}, RDMS: {"human"}, SETS_OF_FILES: {"triplets", "human"}}.get(change)
    changed = {"triplets"} if change in OF_TRIPLETS else changed
    taken = {*CALLS[name].__code__.co_names}
    return changed is None or (bool(changed & taken) and not (change in (RDMS, SETS_OF_FILES) and "judged" in taken))


def cases(changes, names=tuple(CALLS)):
    found = []
    for change in changes:
        for name in names:
            if not touches(change, name):
                continue
            why = EXCEPTIONS.get((change, name))
            marks = [] if why is None else [pytest.mark.xfail(reason=why, strict=True)]
            found.append(pytest.param(name, change, marks=marks, id=f"{name}-{change}"))
    return found


def test_each_public_name_has_a_line():
    functions = {name.partition(":")[0] for name in CALLS}
    assert sorted(functions | WITHOUT.keys()) == sorted(pyalign.__all__) and not functions & WITHOUT.keys()


@pytest.mark.parametrize("name, change", cases(CHANGES))
def test_does_not_depend_on_the_order_names_and_types_of_its_data(name, change):
    found = called(CALLS[name], CHANGES[change](world()))
    require_same(found, figures_of(name), tolerance_of(name, change), points=change == TWICE)


@pytest.mark.parametrize("name, change", cases(["other formats"]))
def test_does_not_depend_on_the_format_of_files(name, change, tmp_path):
    require_same(called(CALLS[name], read_again(world(), tmp_path)), figures_of(name), tolerance_of(name, change))


@pytest.mark.parametrize("name, change", cases([SETS_OF_FILES]))
def test_a_data_set_is_taken_for_the_part_that_belongs_there(name, change, tmp_path):
    require_same(called(CALLS[name], in_a_data_set(world(), tmp_path)), figures_of(name), tolerance_of(name, change))


def takes(name, argument):
    return argument in inspect.signature(getattr(pyalign, name.partition(":")[0])).parameters


OMITTING = [  # embeddings of triplets call another thing missing; a matrix has rows of all objects
    name for name, call in CALLS.items()
    if takes(name, "missing") and "embed" not in name.lower() and "judged" not in call.__code__.co_names
]


@pytest.mark.parametrize("name, change", cases(["missing rows left out"], OMITTING))
def test_what_is_left_out_for_want_of_rows_is_as_if_it_were_not_there(name, change):
    expected = called(CALLS[name], without_missing())
    require_same(called(CALLS[name], some_missing(), missing="omit"), expected, tolerance_of(name, change))


# Those with figures of each model by itself. p-values are corrected for all models, and kappas are of pairs.
OF_EACH = [name for name in CALLS if name.partition(":")[0] in (
    "score", "agreement", "calibrate", "score_concepts", "predict_dimensions", "rsa",
    "neighborhoods", "compare") and name not in (
        "score: a matrix", "neighborhoods: concepts", "neighborhoods: changes", "neighborhoods: duplicates")]


@pytest.mark.parametrize("name, change", cases(["one model of several"], OF_EACH))
def test_a_models_figures_do_not_depend_on_its_company(name, change):
    models = ("first", "second") if name.startswith("compare") else ("first",)
    found = called(CALLS[name], only(world(), models)).to_dict()
    whole = figures_of(name).to_dict()
    rows = "models" if "models" in found else "results"
    of_first = [row for row in whole[rows] if {"first"} & {row.get("embeddings"), row.get("model"), row.get("name")}]
    own = [row for row in found[rows] if {"first"} & {row.get("embeddings"), row.get("model"), row.get("name")}]
    require_same(own, of_first, tolerance_of(name, change))
