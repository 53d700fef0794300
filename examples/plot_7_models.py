"""
Models beside each other
========================

How alike are their representations (CKA, debiased, calibrated against chance), and do they err on the same triplets
(kappa)? The first needs no answers of people, the second does.
"""

import numpy as np

import pyalign

x = pyalign.load_embeddings("dataset:sample")
triplets = pyalign.load_triplets("dataset:sample")
features = np.asarray(x.values, dtype=np.float32)
centered = features - features.mean(axis=0)
axes = np.linalg.svd(centered, full_matrices=False)[2]

# %%
# The features, fewer and fewer of their principal components, and more and more noise.

models = {"features": features, "32 components": centered @ axes[:32].T, "4 components": centered @ axes[:4].T}
for scale in (1, 4):
    noise = np.random.default_rng(scale).normal(scale=scale * features.std(), size=features.shape)
    models[f"noise x {scale}"] = features + noise
chart = pyalign.plot(pyalign.cka(models))

# %%
# Whether they err on the same triplets: 0 if their errors had nothing to do with each other, 1 if they were the same.

chart_of_errors = pyalign.plot(pyalign.error_consistency(models, triplets))
