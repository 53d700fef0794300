"""
Are its probabilities to be believed?
=====================================

A model that says "70 % sure" should be right in 70 of 100 such triplets. The temperature is fitted on one half of
the objects, and the diagram is of the other half.
"""

import pyalign

x = pyalign.load_embeddings("dataset:sample")
triplets = pyalign.load_triplets("dataset:sample")
result = pyalign.calibrate({"features": x}, triplets)
print(result)

# %%
# Points on the diagonal are as right as they are sure.

chart = result.plot()
