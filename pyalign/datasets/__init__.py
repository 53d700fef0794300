"""Data to try things on: the built-in sample, and triplets drawn from a known choice model."""
