"""Prints the known holes of what is installed, by pip-audit; ends with 1 where there are some or nothing is known.

pip-audit skips a package that the index tells nothing of, and then finds no hole: an index that tells of none, as some
mirrors do, would look like one without holes.
"""

from __future__ import annotations

import json
import subprocess
import sys


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
    command = [sys.executable, "-m", "pip_audit", "--skip-editable", "--progress-spinner", "off", "-f", "json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if not done.stdout:
        sys.exit(done.returncode or 1)  # it has said why
    lines, well = judged(json.loads(done.stdout)["dependencies"])
    print(*lines, sep="\n")
    sys.exit(not well)


if __name__ == "__main__":
    main()
