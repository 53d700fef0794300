"""A small real document of every command whose results a page shows, by the public functions."""

from __future__ import annotations

import copy
from collections import defaultdict
from dataclasses import replace

import numpy as np
from small_study import write_inputs
from snapshots.files import read_documents
from support import draw_triplets

import pyalign

N, T = 40, 900
NAMES = tuple(f"object {k}" for k in range(N))
LABELS = ("food", "tools", "<b>round</b>", "rare")
MODELS = ("zoo/clip.npy", "zoo/vgg.npy", "zoo/old.npy", "zoo/word.npy")
MAP = pyalign.Transform(np.diag([1.5, 1.0, 1.0, 0.3]), None, 0.0, 1.0)
FAMILIES = ("a", "a", "b", "c")
METADATA = [
    {"model": name, "family": family, "parameters": size, "objective": goal}
    for name, family, size, goal in zip(
        MODELS, FAMILIES, (1e6, 5e6, 4e7, 9e8), ("labels", "labels", "pairs", "pairs"), strict=True
    )
]


def inputs():
    """human (N, 4), models, answers (T, 3) of people who err now and then, the last 300 of 60 triplets five times."""
    rng = np.random.default_rng(0)
    human = np.abs(rng.normal(size=(N, 4)))
    human[:, 3] = 1.6 * (np.arange(N) == 5)
    models = {
        name: pyalign.Embeddings(human + scale * rng.normal(size=human.shape), NAMES, name)
        for name, scale in zip(MODELS, (0.3, 0.8, 1.5, 2.5), strict=True)
    }
    triplets = draw_triplets(1, N, T)
    odd, rows, answers = pyalign.odd_one_out(human, triplets, measure="dot"), np.arange(T), triplets.copy()
    answers[rows, 2], answers[rows, odd] = triplets[rows, odd], triplets[rows, 2]
    answers[::7] = answers[::7][:, [0, 2, 1]]
    repeated = np.concatenate([answers[:60]] * 3 + [answers[:60][:, [1, 0, 2]], answers[:60][:, [0, 2, 1]]])
    return human, models, np.concatenate([answers[: T - 300], repeated]), repeated


def every_result(folder):
    """name -> result. `folder`: an empty one."""
    human, models, answers, repeated = inputs()
    named = pyalign.Embeddings(human, NAMES, "human.npy")
    two = {name: models[name] for name in MODELS[:2]}
    first, second = (models[name] for name in MODELS[:2])
    people = np.arange(T) // 60  # nobody has a triplet twice
    kinds = pyalign.Categories.of([f"kind {k % 3}" for k in range(N)])
    noise = np.random.default_rng(3).normal(size=(5, N, 4))
    matrices = np.stack([((x[:, None] - x) ** 2).sum(axis=2) for x in human + noise])
    pictures = [np.full((6, 6, 3), 20 * k, np.uint8) for k in range(4)]
    write_inputs(folder)
    text = (folder / "small.toml").read_text().partition("[steps")[0]
    (folder / "small.toml").write_text(f"{text}[steps.ceiling]\n[steps.cka]\nn_permutations = 5\n")
    compared = pyalign.compare(models, answers, subjects=people, choose_best=True)
    few = pyalign.Resampling("objects", n_resamples=50)
    found = {
        "score": pyalign.score(models, answers, measure=["cosine", "dot"], ci="objects", ceiling=None),
        "compare": compared,
        "calibrate": pyalign.calibrate(two, answers, subjects=people, bins=5, split="triplets", lapses=True),
        "ceiling": pyalign.noise_ceiling(answers, subjects=people),
        "agreement": pyalign.agreement(models, repeated),
        "failures": pyalign.find_failures(models, answers, families=FAMILIES, limit=40),
        "consistency": pyalign.error_consistency(models, answers, dimensions=named, dimension_labels=LABELS,
                                           categories=kinds),
        "probe": pyalign.cross_validate_probe(second, answers, penalties=0.1, folds=2),
        "embed": pyalign.cross_validate_embedding(
            pyalign.Triplets(answers, NAMES), folds=2, penalties=[(1e-3, None), (2e-3, None), (4e-3, None)],
            n_seeds=1, halves=True, n_resamples=3, against={"human.npy": named},
        ),
        "transfer": pyalign.transfer(
            second, {"toward people": MAP, "away": replace(MAP, weights=np.eye(4)[:, :2])},
            {"answers": pyalign.Triplets(answers, NAMES), "people": pyalign.RDMs(matrices, "dissimilarity", NAMES),
             "elsewhere": pyalign.RDMs(np.eye(4), "similarity", ("w", "x", "y", "z"))},
            categories=pyalign.Categories(kinds.members, kinds.labels, tuple(NAMES)), k=4,
        ),
        "rsa": pyalign.rsa(two, matrices, kind="dissimilarity", correlation=["spearman", "pearson"], n_permutations=50,
                           partial=True, weighted=True),
        "cka": pyalign.cka(models, n_permutations=20, measure=["debiased-cka", "linear-cka"]),
        "layers": pyalign.layer_similarity({"a": first, "b": second}, {"c": first, "d": human}, n_permutations=20),
        "recover": pyalign.recover(two, answers[:200], n_simulations=10, n_triplets=[50, 200]),
        "plan experiment": pyalign.plan_experiment(
            pyalign.compare(two, answers, subjects=people), difference=0.1, n_objects=[20, 60], n_subjects=[8, 30],
            prices=(2, 10, 0),
        ),
        "concepts": pyalign.score_concepts(models, answers, named, dimension_labels=LABELS, categories=kinds,
        limit=4), "predict": pyalign.predict_dimensions(two, named, labels=LABELS, folds=4, triplets=answers),
        "neighbors": pyalign.neighbors(first, ["object 1", "object 7"], 4),
        "neighbors after": pyalign.neighbors(second, ["object 1", "object 7"], 4),
        "neighborhoods": pyalign.neighborhoods(
            two, named, before=first, categories=kinds, threshold=0.97, k=5, top=4, n_permutations=50, ci=few
        ),
        "neighborhoods of dimensions": pyalign.neighborhoods(
            {"people": named}, dimensions=named, dimension_labels=LABELS, k=5, top=4, n_permutations=50, ci=few
        ),
        "extract": pyalign.extract("pixels:4", pictures),
        "metadata": pyalign.regress_metadata(compared, METADATA),
        "study": pyalign.run_study(folder / "small.toml", folder / "out", only="ceiling"),
    }
    return {name: one if not hasattr(one, "triplets") else _of_file(one, name) for name, one in found.items()}


def other_results(folder):
    """name -> result, of the commands whose results no page shows. `folder`: an empty one."""
    from pyalign.analysis.describe.file import FileDescriptions, describe_file
    from pyalign.datasets.dataset import dataset_info, list_datasets
    from pyalign.datasets.fetch import Fetched, FetchedFile
    from pyalign.datasets.simulate import simulate
    from pyalign.datasets.triplets import draw_triplets as drawn
    from pyalign.extraction.models import describe_models, find_models, model_layers

    human, _, answers, _ = inputs()
    np.save(folder / "human.npy", human)
    score = pyalign.score(human, answers)
    return {
        "datasets fetch": Fetched("things", "data", (FetchedFile("a.txt", "0" * 64, True, "published"),)),
        "datasets info": dataset_info("things"),
        "datasets list": list_datasets(),
        "describe": describe_file(folder / "human.npy"),
        "descriptions": FileDescriptions((describe_file(folder / "human.npy"),) * 2),
        "embedding": pyalign.fit_embedding(pyalign.Triplets(answers, NAMES), shrinkage=2e-3),
        "fit": pyalign.fit_probe(human, answers, penalty=1.0),
        "models layers": model_layers("pixels:4"),
        "models list": find_models(source="pixels"),
        "models table": describe_models(["clip_ViT-B/32", "resnet50", "dinov2-vit-base-p14"]),
        "permutation": pyalign.permutation_test(human, answers, n_permutations=9),
        "plan triplets": pyalign.plan_triplets(human, human**3, 50),
        "report": pyalign.write_report(score, folder / "report.html"),
        "simulate": simulate(human, 50),
        "triplets": drawn(human, 50, temperature=0.1),
    }


def _of_file(one, name):
    """With the name of the file of triplets, as commands make it."""
    return replace(one, triplets="human/repeated.npy" if name == "agreement" else "human/answers.npy")


JUNK = (
    None, True, False, -1, 0, 1.5, 1e308, 10**30, "text", "", "half a pair \ud800", "a\x00b", "\x1b[2J", "step:probe",
    "../..", [], [1], [None, "a", {}], {}, {"a": 1}, [[1, 2], 3], [["a"]], [[[[[[]]]]]],
)


def restructured(value, rng):
    """A copy of what JSON or TOML holds, changed in one to four places: keys gone, other lengths, other types.

    Places that differ only in their position in a list count as one, so that long lists do not hide what is rare.
    """
    found = copy.deepcopy(value)
    for _ in range(rng.choice((1, 1, 2, 4))):
        alike = defaultdict(list)
        for place in _places(found):
            alike[tuple("" if isinstance(key, int) else key for key in place)].append(place)
        if not alike:
            break
        *above, key = rng.choice(rng.choice([*alike.values()]))
        holder = found
        for step in above:
            holder = holder[step]
        _change(holder, key, rng)
    return found


def _places(value, above=()):
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inside:
        yield (*above, key)
        yield from _places(one, (*above, key))


def _change(holder, key, rng):
    value = holder[key]
    match rng.randrange(8):
        case 0:
            del holder[key]
        case 1 if isinstance(value, list):
            del value[rng.randrange(len(value) + 1) :]
        case 2 if isinstance(value, list) and value:
            del value[rng.randrange(len(value))]
        case 3 if isinstance(value, list) and value:
            value.append(copy.deepcopy(rng.choice(value)))
        case 4 if isinstance(value, str):
            holder[key] = rng.choice((value + "\ud800", value * 3, value[1:], value.replace(value[:1], "\0")))
        case 5 if isinstance(value, int | float):
            holder[key] = rng.choice((-value, value + 1, 10**6, 1 << 62, 1e-320))
        case 6 if isinstance(holder, dict):  # under another key, in place of what is there
            holder[rng.choice([*holder])] = copy.deepcopy(value)
        case 7 if isinstance(value, dict | list):
            holder[key] = [value] if rng.random() < 0.5 else {"a": value}
        case _:
            holder[key] = copy.deepcopy(rng.choice(JUNK))


def committed(*groups):
    """name -> document of the results of `every_result` ("every") and `other_results` ("other"), as it is committed.

    tests/snapshots sees to it that these are what the functions give.
    """
    held = {name: one for documents in read_documents().values() for name, one in documents.items()}
    return {
        name.removeprefix(f"{group}: "): copy.deepcopy(one)
        for group in groups for name, one in held.items() if name.startswith(f"{group}: ")
    }
