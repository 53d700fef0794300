"""pyalign inside other tools."""
