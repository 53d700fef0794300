"""What is finished of a long run, and the best so far: see `Journal`."""
