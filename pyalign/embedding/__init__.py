"""Embedding: rows of objects that are learned from triplets, such as the human dimensions of SPoSE and VICE.

The loss, its gradient and the duality gap are those of `pyalign.fitting`. `objective` adds the penalties, `solve` is
the solver, `fit` the fits along a path of penalties, of which `choice` takes one.
`inputs` reads what the public functions are given, `embedding` holds these, `result` what they return.
"""
