"""
A map of the objects
====================

Objects on a plane, near where they are alike: by principal components here; t-SNE and UMAP are ``method="tsne"`` and
``"umap"``.
"""

import pyalign

x = pyalign.load_embeddings("dataset:sample")
subgroups = pyalign.load_dataset("sample").categories()

# %%
# Twenty-eight categories are more than colors can tell apart: five kinds.

kinds = {"animal": "animals", "plant": "plants", "food": "food", "drink": "food", "transport": "vehicles"}
called = [kinds.get(label.partition("-")[0], "things") for label in subgroups.labels]
categories = [called[k] for k in subgroups.members.argmax(axis=1)]
chart = pyalign.plot(embeddings=x, categories=categories)
