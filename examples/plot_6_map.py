"""
A map of the objects
====================

Objects on a plane, near where they are alike: by principal components here; t-SNE and UMAP are ``method="tsne"`` and
``"umap"``.
"""

import tempfile

import pyalign
from pyalign.datasets.sample import write_sample

paths = write_sample(tempfile.mkdtemp())
names, subgroups = (path.read_text(encoding="utf-8").splitlines() for path in paths[2:4])
x = pyalign.load_embeddings(paths[0], names=names)

# %%
# Twenty-eight categories are more than colours can tell apart: five kinds.

kinds = {"animal": "animals", "plant": "plants", "food": "food", "drink": "food", "transport": "vehicles"}
categories = [kinds.get(subgroup.partition("-")[0], "things") for subgroup in subgroups]
chart = pyalign.plot(embeddings=x, categories=categories)
