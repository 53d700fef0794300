"""
Before and after a linear map
=============================

A probe learns the linear map under which the answers are predicted best. The figure to report is that of objects
which the map has not seen: here each of three folds of the objects is held out once.
"""

import numpy as np

import pyalign

x = pyalign.load_embeddings("dataset:sample")
triplets = pyalign.load_triplets("dataset:sample")
features = np.asarray(x.values, dtype=np.float32)

# %%
# A representation that has lost how much each of its directions counts: 32 principal components of the features, all
# scaled to the same variance. The map finds it again. One penalty is enough to be quick.

whitened = np.linalg.svd(features - features.mean(axis=0), full_matrices=False)[0][:, :32]
result = pyalign.cross_validate_probe(whitened, triplets, penalties=[0.03], measure="dot")
print(result)

# %%
# The same, drawn.

chart = result.plot()
