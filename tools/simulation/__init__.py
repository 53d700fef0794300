"""Worlds of known truth, and what is measured in them: the cases of cases.toml, run by `python tools/simulate.py`."""
