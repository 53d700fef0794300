"""The fuzzers' tests find what stands beside them."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))  # input_options.py, option_world.py, hostile_files.py
