"""Nearest rows: which rows of a matrix are most similar to others, exactly or by an index of faiss."""
