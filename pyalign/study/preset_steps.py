"""The steps of a preset: what each figure of the paper takes of a folder, and what is missing for the others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyalign.errors import InputError
from pyalign.io.metadata import load_metadata
from pyalign.io.model_table import metadata_of_models
from pyalign.io.paths import one_line
from pyalign.study.analyses import analyses
from pyalign.study.preset_objects import CIFAR, LOGITS, OF_PAPER, OFTEN, THINGS, TITLES, Objects, PresetDraft, logits_of
from pyalign.study.preset_text import PresetStep

FEWEST_KNOWN = 3  # models with a row, for accuracy against a column
ANSWERED = "answered"  # triplets that many people answered
MOST_LAYERS = 24  # of all models in one step of RSA
PENALTY, FOLDS = 0.07, 3


def plan_steps(draft: PresetDraft, sets: Mapping[str, Objects], repeated: float, table: str) -> None:
    """Enters the steps that there are data for, and says what is missing for the others.

    Args:
        draft: whose models and sets are there already.
        sets: the data sets.
        repeated: the share of answers to triplets of THINGS that were answered at least twice.
        table: the path of the table of models, "" where there is none.
    """
    plan = _Plan(draft, sets)
    plan.people(repeated)
    plan.accuracies()
    plan.matrices()
    plan.known_models(table)
    plan.explanations(repeated)
    plan.models_with_each_other()
    plan.transfer()


class _Plan:
    """What steps are made of, entered one after the other."""

    def __init__(self, draft: PresetDraft, sets: Mapping[str, Objects]) -> None:
        self.draft, self.sets = draft, sets
        self.things = sets.get(THINGS) or Objects(THINGS)
        answered = THINGS in draft.sets.get("triplets", {}) and bool(self.things.models)
        self.models = [self.things.called(model) for model in self.things.models] if answered else []
        self.scores: dict[str, str] = {}  # other scores of the same models: column -> step
        self.no_triplets = (
            "no triplets of THINGS with embeddings of its objects: things/triplets.npy and things/MODEL.npy, or "
            "`pyalign datasets fetch things`"
        )

    def add(self, name: str, function: str, what: str, **options: Any) -> None:
        """Enters a step."""
        self.draft.steps.append(PresetStep(name, function, what, options))

    def lacks(self, name: str, reason: str) -> None:
        """Says what a figure needs."""
        self.draft.missing[name] = reason

    def people(self, repeated: float) -> None:
        """How well people predict each other."""
        if self.models and repeated > 0:
            self.add("ceiling", "ceiling", "how well people predict people", triplets=THINGS)
        else:
            self.lacks("ceiling", self.no_triplets if not self.models else
                       "the noise ceiling needs triplets that several people answered; each is there once")  # fmt: skip

    def accuracies(self) -> None:
        """Accuracy by two measures, of logits, over depth, and on the coarse classes of CIFAR-100."""
        function = "compare" if len(self.models) > 1 else "score"
        if not self.models:
            for name, figure in (("accuracy", "accuracy of each model"), ("depth", "accuracy over depth")):
                self.lacks(name, f"{figure}: {self.no_triplets}")
        else:
            of = {"models": self.models, "triplets": THINGS}
            self.add("accuracy", function, "accuracy of each model, with paired differences", **of, measure="cosine")
            self.add("dot", function, "the same by dot products", **of, measure="dot")
            self.scores["dot product"] = "dot"
            fitted = [name for name in self.draft.models if name in self.draft.references]
            if fitted:
                what = "human dimensions, which were fitted to such answers: what can be reached"
                self.add("fitted", "score", what, models=fitted, triplets=THINGS, measure="cosine")
            self._logits()
            self._depth()
        self._cifar()

    def _logits(self) -> None:
        logits = [logits_of(self.things, model) for model, layers in self.things.models.items()
                  if len(layers) > 1 and LOGITS in map(str.lower, layers)]  # fmt: skip
        if not logits:
            self.lacks("logits", "logits against the penultimate layer: no model has both; files MODEL_penultimate.npy "
                       "and MODEL_logits.npy, or `pyalign extract MODEL --layer penultimate logits`")  # fmt: skip
            return
        function = "compare" if len(logits) > 1 else "score"
        self.add("logits", function, "logits instead of the layer before", models=logits, triplets=THINGS)
        if len(logits) > 1:
            self.scores[LOGITS] = "logits"
        else:
            self.lacks("logits-against-penultimate", "logits against the penultimate layer: only one model has both")

    def _depth(self) -> None:
        layers = [self.things.called(model, layer) for model, of in self.things.models.items() if len(of) > 1
                  for layer in of if layer]  # fmt: skip
        if len(layers) > 1:
            what = "accuracy over depth, with the best layer chosen on other objects"
            self.add("depth", "compare", what, models=layers, triplets=THINGS, choose_best=True)
        else:
            self.lacks("depth", "accuracy over depth: no model has several layers; `pyalign extract MODEL --layer ...`")

    def _cifar(self) -> None:
        cifar = self.sets.get(CIFAR)
        if cifar is None or CIFAR not in self.draft.sets.get("triplets", {}):
            self.lacks(CIFAR, f"{TITLES[CIFAR]}: no triplets with embeddings of its images; cifar100/triplets.npy and "
                       "cifar100/MODEL.npy, or `pyalign datasets fetch cifar100-coarse`")  # fmt: skip
            return
        models = [cifar.called(model) for model in cifar.models]
        function = "compare" if len(models) > 1 else "score"
        self.add(CIFAR, function, f"accuracy on {cifar.title}", models=models, triplets=CIFAR)
        self._scored_too(cifar.title, CIFAR, cifar)

    def _scored_too(self, column: str, step: str, objects: Objects) -> None:
        """A score on other objects, if it is of models that are scored on THINGS, of which a scatter needs two."""
        if len(set(objects.models) & set(self.things.models)) > 1:
            self.scores[column] = step

    def matrices(self) -> None:
        """RSA on each data set with matrices of people, with pictures of these."""
        there = self.draft.sets.get("human", {})
        for name in there:
            objects = self.sets[name]
            models = [objects.called(model) for model in objects.models]
            if name not in self.draft.sets.get("triplets", {}):  # no figure over depth has the other layers
                others = [called for model, layers in objects.models.items() if len(layers) > 1 for layer in layers
                          if (called := objects.called(model, layer)) not in self.draft.mains]  # fmt: skip
                models += others if len(models) + len(others) <= MOST_LAYERS else []
            self.add(f"rsa-{name}", "rsa", f"{objects.title}: correlations, RDMs and MDS", models=models, human=name,
                     rdms=True)  # fmt: skip
            self._scored_too(f"RSA, {objects.title}", f"rsa-{name}", objects)
        for name in OF_PAPER:
            if not any(there_name.partition("-")[0] == name for there_name in there):
                published = {"king": "king19", "cichy": "cichy118"}.get(name, name)
                self.lacks(f"rsa-{name}", f"RSA on {TITLES[name]}: no matrices with embeddings of its images; "
                           f"{name}/rdms.npy and {name}/MODEL.npy, or `pyalign datasets path {published} --folder DIR` "
                           "for the published files")  # fmt: skip

    def known_models(self, table: str) -> None:
        """Accuracy against what is known of models, and against their other scores; probes."""
        self.families: list[str] | None = None
        known = self._known(table) if self.models else 0
        if known < FEWEST_KNOWN:
            what = "accuracy against ImageNet accuracy, objective, data and size"
            self.lacks("table-of-models", f"{what} needs at least {FEWEST_KNOWN} models that a table has a row of; "
                       f"{known} here: add rows to models.csv (docs/metadata.md)")  # fmt: skip
        if not self.models:
            return
        if len(self.models) > 1:
            what = "two scores of each model, and accuracy against what is known of it"
            others = {column: f"step:{step}" for column, step in self.scores.items()}
            others["probed"] = "step:probe"
            self.add("metadata", "metadata", what, result="step:accuracy", others=others)
        else:
            self.lacks("metadata", "two scores of each model need at least two models")
        what = "a linear map that predicts the answers, in minutes for each model; without penalties it chooses one"
        self.add("probe", "probe", what, models=self.models, triplets=THINGS, penalties=PENALTY, folds=FOLDS)

    def _known(self, table: str) -> int:
        """How many models a table has a row of; their families are kept."""
        try:
            own = load_metadata(table) if table else None
        except (InputError, OSError) as error:
            self.draft.unknown.append(one_line(str(error)))
            self.draft.metadata, own = "", None
        found = metadata_of_models(self.models, own)
        if found is None:
            return 0
        rows = found.matched(self.models).rows
        families = [found.value(row, "family") if row is not None and "family" in found.columns else None
                    for row in rows]  # fmt: skip
        if any(families):  # a model of no known family is one of its own
            self.families = [str(one or name) for one, name in zip(families, self.models, strict=True)]
        built_in = [note for note in found.notes if note.startswith("the metadata of ")]
        self.draft.recognized += built_in
        return sum(row is not None for row in rows)

    def explanations(self, repeated: float) -> None:
        """Accuracy per human dimension, R² of dimensions, error by the entropy of people's choices."""
        dimensions = THINGS in self.draft.sets.get("dimensions", {})
        categories = THINGS in self.draft.sets.get("categories", {})
        needs = "no human dimensions of THINGS with its embeddings: things/spose.npy or things/vice.npy"
        if self.models and (dimensions or categories):
            options: dict[str, Any] = {"top_objects": 8} if dimensions else {}
            what = "accuracy per human dimension and category"
            if self.families and len(set(self.families)) > 1:
                options["families"] = self.families
                what += ", of models and of families (in the order of models)"
            elif dimensions:
                self.lacks("families", "accuracy per human dimension by family: models of two families are not known; "
                           "models.csv with a column family")  # fmt: skip
            self.add("concepts", "concepts", what, models=self.models, triplets=THINGS, **options)
        if not (self.models and dimensions):
            self.lacks("concepts" if not categories else "dimensions", f"accuracy per human dimension: {needs}")
        if self.models and dimensions:
            self.add("predict", "predict", "R² of human dimensions, by ridge regression", models=self.models,
                     dimensions=THINGS)  # fmt: skip
        else:
            self.lacks("predict", f"R² of human dimensions: {needs}")
        answered = ANSWERED in self.draft.sets.get("triplets", {})
        if self.models and (answered or repeated >= OFTEN):
            self.add("agreement", "agreement", "error by the entropy of people's choices", models=self.models,
                     triplets=ANSWERED if answered else THINGS)  # fmt: skip
        else:
            self.lacks("agreement", "error by the entropy of people's choices: no triplets that many people answered; "
                       "how many gave each answer, such as counts (t, 3) in things/counts.npy")  # fmt: skip

    def models_with_each_other(self) -> None:
        """Equal choices and errors, triplets that all get wrong, CKA."""
        if len(self.models) > 1:
            self.add("consistency", "consistency", "equal choices of models, and equal errors", models=self.models,
                     triplets=THINGS)  # fmt: skip
        else:
            self.lacks("consistency", "equal choices of models: needs triplets and embeddings of two models")
        if self.models:
            self.add("failures", "failures", "triplets that every model gets wrong", models=self.models,
                     triplets=THINGS, limit=200)  # fmt: skip
        else:
            self.lacks("failures", f"triplets that every model gets wrong: {self.no_triplets}")
        alike = self.models
        if len(alike) < 2:  # those of another data set
            scored = [objects for objects in self.sets.values()
                      if any(objects.called(model) in self.draft.models for model in objects.models)]  # fmt: skip
            alike = max(([objects.called(model) for model in objects.models] for objects in scored), key=len)
        if len(alike) > 1:
            self.add("cka", "cka", "similarity of models to each other", models=alike)
        else:
            self.lacks("cka", "similarity of models to each other: needs embeddings of two models")

    def transfer(self) -> None:
        """What the maps of probes win and lose on other data, if studies have a step for it."""
        if "transfer" not in analyses():
            return
        for model in self.models:
            name = f"transfer-{model}".translate({ord(sign): "-" for sign in "/\\:"})
            what = "what the map wins and loses, of all people here and within categories"
            self.add(name, "transfer", what, models=[model], maps=f"step:probe::{model}")
