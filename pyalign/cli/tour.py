"""`pyalign tour`: a study of the built-in sample, and a few lines about it."""

from __future__ import annotations

from dataclasses import dataclass

from pyalign.cli import _options
from pyalign.cli._command import Command, Outcome, option
from pyalign.cli.study import fault_of
from pyalign.progress import Progress
from pyalign.study.display import Steps
from pyalign.study.study_result import FINISHED, Study
from pyalign.study.tour import DATA, FILE, RESULTS, take_tour
from pyalign.study.units import REPORT

DONE = "Done: a study of 411 objects and 28,770 triplets of categories (no human judgments)."
NEXT = """
Next, with data of your own:
  pyalign study init FOLDER             writes such a study file for embeddings in a folder
  pyalign study run STUDY.toml          runs it
  pyalign extract --images DIR --out E  makes embeddings of images, with the model of this tour
Each step is a command too: pyalign --help lists them."""


@dataclass(frozen=True)
class TourOptions(_options.Threads, _options.Quiet):
    """The options of `pyalign tour`."""

    out: str = option(
        "folder to write to: new, empty, or written by an earlier tour (default: pyalign-tour)", default="pyalign-tour",
        metavar="DIR", role="folder",
    )


def run(options: TourOptions, progress: Progress) -> Outcome:
    """Runs the tour, and says what there is to see."""
    with Steps(not options.quiet) as steps:
        study, notes = take_tour(options.out, steps)
    page = next(step for step in study.steps if step.name == REPORT)
    others = tuple(step for step in study.failed if step.name != REPORT)
    if page.status != FINISHED and not others:
        notes = (*notes, f"no page: {page.reason}")
    fault = fault_of(study.failed) if others else ""
    return Outcome(None, text=_summary(options.out, study), notes=notes, fault=fault)


def _summary(out: str, study: Study) -> str:
    models = 4 if "logits" in _models_of(study) else 3
    places = {
        DATA: f"what was read: embeddings of {models} models, triplets, names, categories, pictures",
        FILE: f"what was asked for; change it, then: pyalign study run {out}/{FILE} --out {out}/{RESULTS}",
        f"{RESULTS}/steps": "what was found: a JSON document for each step",
    }
    if study.report is not None:
        places[f"{RESULTS}/{study.report}"] = "the page: open it in a browser"
    width = max(map(len, places))
    return "\n".join([DONE, *(f"  {out}/{place:<{width}}  {what}" for place, what in places.items()), NEXT])


def _models_of(study: Study) -> str:
    from pyalign._result import load_result

    return " ".join(str(score.embeddings) for score in load_result(f"{study.folder}/steps/score.json"))


COMMAND = Command(TourOptions, run, "pyalign tour --out demo")
