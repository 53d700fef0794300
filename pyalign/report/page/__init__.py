"""A page of results: one file that needs no network."""
