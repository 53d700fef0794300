"""Where models fail."""
