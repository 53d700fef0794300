"""Embedding: rows of objects that are learned from triplets, such as the human dimensions of SPoSE and VICE.

The loss, its gradient and the duality gap are those of `pyalign.fitting`. `objective` adds the penalties, `solve` is
the solver, `start` the signed optimum and what is made of it; `fit` puts them together along a path of penalties.
`inputs` reads what the public functions are given, `embedding` holds these, `result` what they return.
"""
