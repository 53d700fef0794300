#!/usr/bin/env bash
# What waits for a CUDA device, in parts of so many seconds: tools/first_light.py says which, and runs them.
# PYTHON: the Python that has torch, by default python3.
exec "${PYTHON:-python3}" "$(dirname "$0")/first_light.py" "$@"
