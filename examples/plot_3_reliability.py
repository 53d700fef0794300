"""
Are its probabilities to be believed?
=====================================

A model that says "70 % sure" should be right in 70 of 100 such triplets. The temperature is fitted on one half of
the objects, and the diagram is of the other half.
"""

import tempfile

import numpy as np

import pyalign
from pyalign.datasets.sample import write_sample

paths = write_sample(tempfile.mkdtemp())
features, triplets = np.load(paths[0]).astype(np.float32), np.load(paths[1])
result = pyalign.calibrate({"features": features}, triplets)
print(result)

# %%
# Points on the diagonal are as right as they are sure.

chart = pyalign.plot(result)
