"""What a user writes: mypy and pyright find nothing wrong with it. Checked, never run."""

from pathlib import Path

import numpy as np
import pandas as pd

import pyalign
from pyalign.measures import get_measure
from pyalign.results import Calibrations, Comparison, Scores

embeddings = np.random.default_rng(0).normal(size=(30, 8))
triplets = np.array([[0, 1, 2], [3, 4, 5]])
frame = pd.DataFrame(embeddings, index=[f"object {k}" for k in range(30)])

# One model
result = pyalign.score(embeddings, triplets)
low: float = result.ci.low
print(f"{result.accuracy:.3f} [{result.ci.low:.3f}, {result.ci.high:.3f}]")
print(result.only.accuracy, len(result), result[0].n_ties, result.to_frame())
pyalign.score(frame, [["object 0", "object 1", "object 2"]], measure="dot", ties="wrong", nan_policy="omit")
pyalign.score(embeddings, triplets, ci=pyalign.Resampling("objects", "bootstrap", n_resamples=200), subjects=["a", "b"])
pyalign.score(matrix=np.eye(30), kind="similarity", triplets=triplets, ci=None)

# Several models
models = {"clip": embeddings, "vgg": frame}
several: Scores = pyalign.score(models, triplets, measure=["cosine", "dot"], model_choices={"gpt": [0, 2]})
found: Comparison = pyalign.compare(models, triplets, correction="holm", backend="auto")
print([(pair.a, pair.b, pair.p_value) for pair in found.pairs])
pyalign.compare([pyalign.Embeddings(embeddings), pyalign.Embeddings(embeddings)], triplets, ci="objects")

# Read and write
read = pyalign.load_result(Path("scores.json"), Scores)
print(read.only.accuracy, pyalign.load_result("anything.json"))
people = pyalign.load_triplets("triplets.csv", columns=["a", "b", "c"], subject_column="who")
calibrated: Calibrations = pyalign.calibrate(pyalign.load_embeddings("clip.npy"), people, split="objects")
print(calibrated.temperature, calibrated.only.temperature.ci)

# Parts
odd = pyalign.odd_one_out(kind="similarity", matrix=pyalign.similarity(embeddings), triplets=triplets)
layers = pyalign.layer_similarity({"1": embeddings}, {"2": embeddings})
print(layers.calibrated, pyalign.cka(models)[0].matrix)
fit = pyalign.fit_probe(embeddings, triplets, penalty=0.1, norm="squared", seed=1)
options = pyalign.ProbeOptions(norm="nuclear", standardize="features")
rdm = pyalign.rsa(models, pyalign.RDMs(np.eye(30), "similarity"), correlation=["spearman", "pearson"])
concepts = pyalign.score_concepts(embeddings, triplets, dimensions=frame, assign="sum", missing="omit")
pyalign.neighborhoods(models, k=5, measure=get_measure("rbf:0.5"))
pyalign.score(embeddings, triplets, measure=["rbf:0.5", "cosine"])

# What a notebook has: a data set, a DataFrame of answers, files that are described
mine = pyalign.load_dataset("mine.toml")
pyalign.score(mine, mine)
pyalign.rsa(None, mine, matrix={"a": mine})
answers = pyalign.describe("answers.csv", "names.txt", subject_column="who", kind="similarity")
print(answers.sentences, answers.toml("mine.toml"), pyalign.score(frame, answers.triplets()).only.accuracy)
pyalign.load_triplets(frame, choice_column="odd")
