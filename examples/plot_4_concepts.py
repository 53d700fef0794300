"""
Where it agrees, and where not
==============================

A single accuracy hides much. Here every triplet goes to the category that its pair shares, and each category has an
accuracy of its own, with an interval over other objects like these.
"""

import numpy as np

import pyalign

x = pyalign.load_embeddings("dataset:sample")
triplets = pyalign.load_triplets("dataset:sample")
features = np.asarray(x.values, dtype=np.float32)
categories = pyalign.load_dataset("sample").categories()

# %%
# Two models: the features of an image network as they are, and the same under much noise.

noise = np.random.default_rng(0).normal(scale=2 * features.std(), size=features.shape)
models = {"features": features, "with noise": features + noise}
result = pyalign.score_concepts(models, triplets, categories=categories)
chart = pyalign.plot(result, limit=16)

# %%
# The same figures as a data frame, for what no picture shows.

print(result.to_frame()[["embeddings", "concept", "n_triplets", "accuracy"]].head())
