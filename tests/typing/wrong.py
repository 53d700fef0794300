"""Mistakes: mypy and pyright find an error in each line that says so, and in no other. Checked, never run."""

import numpy as np

import pyalign
from pyalign.results import Comparison, Scores

embeddings = np.zeros((30, 8))
triplets = np.array([[0, 1, 2], [3, 4, 5]])

pyalign.score(embeddings, triplets, measure=2.5)  # wrong
pyalign.score(embeddings, triplets, ties="half")  # wrong
pyalign.score(embeddings, triplets, nan_policy="drop")  # wrong
pyalign.score(embeddings, triplets, missing="skip")  # wrong
pyalign.score(embeddings, triplets, backend="gpu")  # wrong
pyalign.score(embeddings, triplets, ci="people")  # wrong
pyalign.score(matrix=np.eye(30), kind="distance", triplets=triplets)  # wrong
pyalign.score(embeddings, triplets, permutations=100)  # wrong
pyalign.compare({"a": embeddings}, triplets, correction="bonferoni")  # wrong
pyalign.rsa(embeddings, np.eye(30), correlation="spearmen")  # wrong
pyalign.calibrate(embeddings, triplets, split="people")  # wrong
pyalign.cka({"a": embeddings}, aggregate="max")  # wrong
pyalign.layer_similarity({"1": embeddings})  # wrong
pyalign.ProbeOptions(norm="l2")  # wrong
pyalign.fit_probe(embeddings, triplets, strength=0.1)  # wrong
read: Comparison = pyalign.load_result("scores.json", Scores)  # wrong
text: str = pyalign.score(embeddings, triplets).ci.low  # wrong
pyalign.hubness(embeddings)  # wrong
