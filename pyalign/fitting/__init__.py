"""Fits to triplets, whatever is fitted: what is minimized, where it is computed, and how far a fit is from the best.

`objective` is the cross-entropy of triplets with its gradient, and bounds it from below; the `algebra` of the host or
of a device, which `place` chooses, computes it and keeps the cores for the kernels.
"""
