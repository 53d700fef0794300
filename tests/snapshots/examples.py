"""The results whose presentation is pinned: small ones of every kind, of the built-in sample, and of real data."""

from __future__ import annotations

import numpy as np
from every_document import every_result, other_results
from result_variants import MAKERS

import pyalign
from pyalign.datasets.simulate import FILES, write_sample

from .files import normalised
from .unusual import unusual_results

LISTED = 3
ROWS = 3000  # triplets of the sample, which has more


def documents_of(results, folder):
    """name -> document, as it is committed."""
    return {name: shortened(normalised(one, folder)) for name, one in results.items()}


def shortened(document):
    """Without all but three failures of each group, of which each says the same."""
    if document["command"] == "failures":
        document["groups"] = [one | {"triplets": one["triplets"][:LISTED]} for one in document["groups"]]
    return document


def small_results(folder):
    """name -> result, of every kind. `folder`: an empty one."""
    (folder / "every").mkdir()
    (folder / "other").mkdir()
    every = {f"every: {name}": one for name, one in every_result(folder / "every").items()}
    other = {f"other: {name}": one for name, one in other_results(folder / "other").items()}
    return every | other | {name: make() for name, make in MAKERS.items()} | unusual_results()


def sample_results(folder):
    """name -> result, of the built-in sample. `folder`: an empty one."""
    write_sample(folder)
    names, groups = ((folder / name).read_text(encoding="utf-8").splitlines() for name in FILES[2:4])
    trained = pyalign.Embeddings(np.load(folder / FILES[0]), names, "trained.npy")
    few = pyalign.Embeddings(trained.values[:, :32].astype(np.float32), names, "few.npy")
    models, triplets = {"trained.npy": trained, "few.npy": few}, np.load(folder / FILES[1])[:ROWS]
    kinds = pyalign.Categories.of([one.partition("-")[0] for one in groups], names=names)
    found = {
        "score": pyalign.score(models, triplets, ci="objects", groups=kinds),
        "compare": pyalign.compare(models, triplets),
        "calibrate": pyalign.calibrate(models, triplets, split="objects"),
        "concepts": pyalign.score_concepts({"few.npy": few}, triplets, categories=kinds),
        "consistency": pyalign.error_consistency(models, triplets),
        "failures": pyalign.find_failures(models, triplets, limit=3),
        "probe": pyalign.cross_validate_probe(few, triplets, penalties=[0.1, 1.0], folds=2),
        "cka": pyalign.cka(models, n_permutations=10),
        "neighbors": pyalign.neighbors(trained, [names[0], names[200]], 5),
        "neighborhoods": pyalign.neighborhoods(
            models, categories=kinds, k=5, top=3, n_permutations=10, ci=pyalign.Resampling("auto", n_resamples=10)
        ),
    }
    return {f"sample: {name}": one for name, one in found.items()}


def real_results(data):
    """name -> result, of the THINGS triplets and the similarities of 92 objects. `data`: the folder of real data."""
    things, objects = data / "things", data / "objects92"
    names = (things / "unique_id.txt").read_text().split()
    models = {
        name: pyalign.Embeddings(np.load(things / name), names, name)
        for name in ("clip_vit_b32.npy", "efficientnet_lite0_logits.npy", "word2vec.npy")
    }
    answers, people = np.split(np.load(things / "human_triplets_127304.npy"), [3], axis=1)
    human = pyalign.Embeddings(np.loadtxt(things / "spose_embedding_66d_sorted.txt")[:, :20], names, "spose.txt")
    labels = [line.strip() for line in (things / "spose_66d_labels.txt").read_text().splitlines() if line.strip()][:20]
    counts = np.load(things / "hard_440_choice_counts.npz")
    matrices = np.load(objects / "kriegeskorte92_images_and_behaviour.npz")["behav_rdms"]
    alexnet = dict(np.load(objects / "alexnet_fc_92.npz"))
    found = {
        "score": pyalign.score(models, answers, ci="objects", ceiling=0.6767),
        "compare": pyalign.compare(models, answers, subjects=people[:, 0], choose_best=True),
        "agreement": pyalign.agreement(models, counts["triplets_sorted0"], answers=counts["odd_counts"]),
        "ceiling": pyalign.noise_ceiling(counts["triplets_sorted0"], answers=counts["odd_counts"]),
        "concepts": pyalign.score_concepts(
            {"clip_vit_b32.npy": models["clip_vit_b32.npy"]}, answers, human, dimension_labels=labels
        ),
        "consistency": pyalign.error_consistency(models, answers),
        "rsa": pyalign.rsa(alexnet, matrices, kind="dissimilarity", correlation="spearman"),
        "cka": pyalign.cka(alexnet, n_permutations=10),
    }
    return {f"real: {name}": one for name, one in found.items()}
