"""
Accuracy, with what it is worth
===============================

Three models beside each other: the interval says how far an accuracy could be off with other objects like these, the
dashed line is what guessing comes to.
"""

import numpy as np

import pyalign

x = pyalign.load_embeddings("dataset:sample")
triplets = pyalign.load_triplets("dataset:sample")
features = np.asarray(x.values, dtype=np.float32)

# %%
# The features of an image network, their eight largest principal components, and the features under much noise.

centered = features - features.mean(axis=0)
components = centered @ np.linalg.svd(centered, full_matrices=False)[2][:8].T
noise = np.random.default_rng(0).normal(scale=2 * features.std(), size=features.shape)
models = {"features": features, "8 components": components, "with noise": features + noise}
result = pyalign.score(models, triplets, ci="objects")
print(result)

# %%
# The table above, drawn.

chart = result.plot()
