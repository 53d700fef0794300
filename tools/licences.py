"""Prints the licence of every installed package, as its metadata or its file tell; ends with 1 where none do."""

from __future__ import annotations

import sys
from importlib.metadata import Distribution, distributions


def licence(package: Distribution) -> str:
    """The expression, else the classifiers, else the first line of the licence or of its file, else ""."""
    told = package.metadata
    classifiers = [value.split(" :: ")[-1] for value in told.get_all("Classifier") or () if value.startswith("License")]
    files = [package.read_text(f"licenses/{name}") for name in told.get_all("License-File") or ()]
    lines = (told.get("License") or "\n".join(text or "" for text in files)).strip().splitlines()
    return told.get("License-Expression") or ", ".join(classifiers) or (lines[0] if lines else "")


def main() -> None:
    found = {f"{one.metadata['Name']} {one.version}": licence(one) for one in distributions()}
    for name in sorted(found, key=str.lower):
        print(f"{name:40} {found[name] or 'none told'}")
    sys.exit(any(not text for text in found.values()))


if __name__ == "__main__":
    main()
