"""Accuracy against what is known of models."""
