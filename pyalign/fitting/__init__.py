"""Fits to triplets, whatever is fitted: what is minimised, where it is computed, and how far a fit is from the best.

`objective` is the cross-entropy of triplets and its gradient, by the `algebra` of the host or of a device, which
`place` chooses; `objective` also bounds it from below; `threads` keeps the cores for the kernels.
"""
