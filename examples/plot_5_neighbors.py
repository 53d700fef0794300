"""
Who is near whom
================

The nearest neighbors of a few objects, with their similarity. A frame says that a neighbor is of the same category as
the query. Where there are images, `plot` takes them with ``images="folder"`` and shows them in place of the names.
"""

import pyalign

x = pyalign.load_embeddings("dataset:sample")
near = pyalign.neighbors(x, ["kiwi fruit", "tiger", "guitar"], k=6)
print(near)

# %%
# The table above, drawn.

chart = pyalign.plot(near, categories=pyalign.load_dataset("sample").categories())
