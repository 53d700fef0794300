"""The temperature of choice probabilities, and how well they are calibrated."""
