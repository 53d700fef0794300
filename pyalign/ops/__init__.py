"""The public operations: check the arguments at the door, choose a backend, run its kernels."""
