"""
Who is near whom
================

The nearest neighbours of a few objects, with their similarity. A frame says that a neighbour is of the same category as
the query. Where there are images, `plot` takes them with ``images="folder"`` and shows them in place of the names.
"""

import tempfile

import pyalign
from pyalign.datasets.sample import write_sample

paths = write_sample(tempfile.mkdtemp())
names, categories = (path.read_text(encoding="utf-8").splitlines() for path in paths[2:4])
x = pyalign.load_embeddings(paths[0], names=names)
near = pyalign.neighbors(x, ["kiwi fruit", "tiger", "guitar"], k=6)
print(near)

# %%
# The table above, drawn.

chart = pyalign.plot(near, categories=categories, names=names)
