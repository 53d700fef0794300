"""Install these sources, without a network, into a folder that the parts of first light import pyalign from.

    python tools/first_light_install.py SITE WHEELS [--rehearse]

SITE: the folder; nothing is done where it holds these sources already. WHEELS: a folder with wheels of what pyalign
needs and this Python lacks. The CUDA kernels are compiled for the device of this machine; in a rehearsal they are not,
and `_cuda` is the module of the emulated kernels, which first light builds in the folder `emulated` next to SITE.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(Path(__file__).parent))
from build_cache import key_of, sources_below  # noqa: E402

STAMP = "sources"
SOURCES = (
    "csrc", "pyalign", "CMakeLists.txt", "LICENSE", "README.md", "pyproject.toml", "setup.py", "tools/build_cache.py",
)
PIP = (sys.executable, "-m", "pip", "install", "--no-index", "--no-deps", "--upgrade", "--target")
OPTIONS = {False: "-DPYALIGN_CUDA=ON -DPYALIGN_CUDA_ARCHITECTURES=native", True: "-DPYALIGN_CUDA=OFF"}
EMULATED = """from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from sys import modules

spec = spec_from_file_location("_cuda_emulated", next(Path({folder!r}).glob("_cuda_emulated*.so")))
modules[__name__] = module_from_spec(spec)
spec.loader.exec_module(modules[__name__])
"""


def sources() -> dict[str, Path]:
    """The files that are installed, and those that the installation needs, by their names."""
    found = sources_below(ROOT, *SOURCES)
    return {name: path for name, path in found.items() if "__pycache__" not in name and path.suffix != ".so"}


def key(rehearse: bool) -> str:
    """What names these sources, this Python and how they are compiled."""
    return key_of(sources(), [sys.version, OPTIONS[rehearse]])


def install(site: Path, wheels: Path, rehearse: bool) -> None:
    """The folder anew: wheels, pyalign, and last of all the stamp."""
    shutil.rmtree(site, ignore_errors=True)
    needed = [str(path) for path in sorted(wheels.glob("*.whl"))]
    if needed:
        subprocess.run([*PIP, str(site), *needed], check=True)
    options = f"{OPTIONS[rehearse]} {os.environ.get('PYALIGN_CMAKE_ARGS', '')}"
    with tempfile.TemporaryDirectory(
        prefix="pyalign-sources-"
    ) as folder:  # an earlier one that was killed is no matter
        for name, path in sources().items():
            Path(folder, name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, Path(folder, name))
        command = [*PIP, str(site), "--no-build-isolation", "--verbose", folder]
        subprocess.run(command, env={**os.environ, "PYALIGN_CMAKE_ARGS": options}, check=True)
    if rehearse:
        module = EMULATED.format(folder=str(site.resolve().parent / "emulated"))
        (site / "pyalign" / "backends" / "_cuda.py").write_text(module)
    (site / STAMP).write_text(key(rehearse))


def main() -> None:
    """Install, unless the stamp says that it has been done."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("site", type=Path, metavar="SITE")
    parser.add_argument("wheels", type=Path, metavar="WHEELS")
    parser.add_argument("--rehearse", action="store_true")
    options = parser.parse_args()
    stamp = options.site / STAMP
    if stamp.exists() and stamp.read_text() == key(options.rehearse):
        print(f"{options.site} holds these sources already")
    else:
        install(options.site, options.wheels, options.rehearse)


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)
