"""
Where it agrees, and where not
==============================

A single accuracy hides much. Here every triplet goes to the category that its pair shares, and each category has an
accuracy of its own, with an interval over other objects like these.
"""

import tempfile

import numpy as np

import pyalign
from pyalign.datasets.sample import write_sample

paths = write_sample(tempfile.mkdtemp())
features, triplets = np.load(paths[0]).astype(np.float32), np.load(paths[1])
categories = paths[3].read_text(encoding="utf-8").splitlines()

# %%
# Two models: the features of an image network as they are, and the same under much noise.

noise = np.random.default_rng(0).normal(scale=2 * features.std(), size=features.shape)
models = {"features": features, "with noise": features + noise}
result = pyalign.concepts(models, triplets, categories=categories)
chart = pyalign.plot(result, limit=16)

# %%
# The same figures as a data frame, for what no picture shows.

print(result.to_frame()[["embeddings", "concept", "n_triplets", "accuracy"]].head())
