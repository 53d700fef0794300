"""The units of a study for an engine: array jobs of SLURM, rules of Snakemake, or a list of commands.

Nothing of an engine is imported, and all of them run the same commands.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence

from pyalign._dataclass import dataclass
from pyalign.io.own_files import require_no_link
from pyalign.io.paths import PathLike, bad
from pyalign.study.engines import OURS, as_json, slurm, snakemake
from pyalign.study.plan import StudyUnit, study_units
from pyalign.study.tasks import folder_of, study_of, tasks_of

FILES = {"slurm": "slurm.sh", "snakemake": "Snakefile", "json": "commands.json"}
ENGINES = SLURM, SNAKEMAKE, JSON = (*FILES,)
MINUTES = 5.0  # that a task takes, about: starting one takes longer than most units
OF_A_NODE = "/tmp", "/var/tmp", "/dev/shm", "/run"  # its own, as systems are mostly set up
# The locks of Snakemake outlive a driver that is killed; units have their own.
RUN_SNAKEMAKE = "--cores", "all", "--nolock", "--rerun-incomplete"


@dataclass(frozen=True)
class Export:
    """What an engine reads."""

    path: str  # where it belongs, in the folder of the study.
    text: bytes  # what it contains.
    run: tuple[str, ...]  # the words of the command that starts it; empty where the reader's own program does.
    tasks: int  # how many there are.
    levels: int  # of the graph, each behind the one before.
    notes: tuple[str, ...]  # on paths that other nodes may not see.


def export_study(
    path: PathLike, out: PathLike | None, engine: str, *, shards: int | None = None, minutes: float = MINUTES,
    gpu: Sequence[str] = (), cpu: Sequence[str] = (),
) -> Export:  # fmt: skip
    """The units of a study as the text that an engine reads. Nothing is written.

    path, out, shards: of `study_units`.
    engine: one of `ENGINES`.
    minutes: that a task of several units takes, about; 0 for a task of each unit.
    gpu, cpu: of SLURM: options of sbatch for tasks with units that want a device, and for the others.

    Raises:
        InputError: what is wrong with the study file; another file stands in the place.
        OSError: the study file is missing.
    """
    units = study_units(os.path.abspath(path), None if out is None else os.path.abspath(out), shards=shards)
    tasks = tasks_of(units, minutes)
    folder = folder_of(tasks)
    place = os.path.join(folder, FILES[engine])
    _require_ours(place)
    text, run = as_json(tasks), tuple[str, ...]()
    if engine == SLURM:
        text, run = slurm(tasks, folder, gpu, cpu), ("bash", place)
    if engine == SNAKEMAKE:
        text, run = snakemake(tasks, folder), ("snakemake", "--snakefile", place, *RUN_SNAKEMAKE)
    raw = text.encode("utf-8", "surrogateescape")  # a path of bytes that are no text stays what it is
    notes = _not_shared([study_of(tasks), folder], units)
    return Export(place, raw, run, len(tasks), max(task.level for task in tasks), notes)


def _require_ours(place: str) -> None:
    """Raises where a file stands that is somebody else's."""
    require_no_link(place)
    if os.path.lexists(place):
        with open(place, "rb") as file:
            if OURS.encode() not in file.read(400):
                raise bad(place, "is there, and pyalign has not written it; take another folder, out=folder")


def _not_shared(paths: Sequence[str], units: Sequence[StudyUnit]) -> tuple[str, ...]:
    """A note on the paths that are usually each node's own."""
    own = tuple(os.path.join(os.path.realpath(place), "") for place in (tempfile.gettempdir(), *OF_A_NODE))
    paths = [*dict.fromkeys([*paths, *(path for unit in units for path in unit.inputs)])]
    local = [path for path in paths if os.path.realpath(path).startswith(own)]
    if not local:
        return ()
    more = f" and {len(local) - 3:,} more" if len(local) > 3 else ""
    return (f"nodes must see these paths, which are usually each node's own: {', '.join(local[:3])}{more}",)
