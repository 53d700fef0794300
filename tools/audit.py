"""Prints the license of every installed package, then the known holes by pip-audit.

Ends with 1 where metadata and files of a package tell no license, where there are holes, or nothing is known of any.
pip-audit skips a package that the index tells nothing of, and then finds no hole: an index that tells of none, as some
mirrors do, would look like one without holes.
"""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import Distribution, distributions


def license(package: Distribution) -> str:
    """The expression, else the classifiers, else the first line of the license or of its file, else ""."""
    told = package.metadata
    classifiers = [value.split(" :: ")[-1] for value in told.get_all("Classifier") or () if value.startswith("License")]
    files = [package.read_text(f"licenses/{name}") for name in told.get_all("License-File") or ()]
    lines = (told.get("License") or "\n".join(text or "" for text in files)).strip().splitlines()
    return told.get("License-Expression") or ", ".join(classifiers) or (lines[0] if lines else "")


def judged(packages: list[dict]) -> tuple[list[str], bool]:
    """Lines for the packages of pip-audit's document, and whether all is well."""
    told = [one for one in packages if "vulns" in one]
    silent = [one["name"] for one in packages if "vulns" not in one]
    holes = [
        f"{one['name']} {one['version']}: {hole['id']}, mended in {', '.join(hole['fix_versions']) or 'no version'}"
        for one in told
        for hole in one["vulns"]
    ]
    lines = [*holes, f"known holes: {len(holes)}; packages that the index tells of: {len(told)}"]
    if silent:
        lines.append(f"it tells nothing of {len(silent)}: {', '.join(silent)}")
    return lines, bool(told) and not holes


def main() -> None:
    found = {f"{one.metadata['Name']} {one.version}": license(one) for one in distributions()}
    for name in sorted(found, key=str.lower):
        print(f"{name:40} {found[name] or 'none told'}")
    command = [sys.executable, "-m", "pip_audit", "--skip-editable", "--progress-spinner", "off", "-f", "json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if not done.stdout:
        sys.exit(done.returncode or 1)  # it has said why
    lines, well = judged(json.loads(done.stdout)["dependencies"])
    print(*lines, sep="\n")
    sys.exit(not well or not all(found.values()))


if __name__ == "__main__":
    main()
