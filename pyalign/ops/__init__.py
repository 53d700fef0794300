"""The public operations: check the arguments, choose a backend, run its kernels."""
