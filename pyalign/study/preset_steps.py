"""The steps of a preset: what each figure of the paper takes of a folder, and what is missing for the others."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from typing import Any

from pyalign.datasets.maps import MAPS, place_of
from pyalign.errors import InputError
from pyalign.io.metadata import families_of, load_metadata, metadata_of_models, row_of
from pyalign.io.paths import PUBLISHED_MAP, one_line
from pyalign.io.transform import load_transform
from pyalign.probing.options import FEWEST_OTHERS, LocalOptions
from pyalign.study.draft import Item
from pyalign.study.preset_objects import (
    CIFAR,
    LOGITS,
    OF_PAPER,
    OFTEN,
    THINGS,
    TITLES,
    Objects,
    PresetDraft,
    logits_of,
    main_layer,
)
from pyalign.study.preset_text import PresetStep

FEWEST_KNOWN = 3  # models with a row, for accuracy against a column
ANSWERED = "answered"  # triplets that many people answered
MOST_LAYERS = 24  # of all models in one step of RSA
PENALTY, FOLDS = 0.07, 3
STRONG, IDENTITY = 0.3, 1.0  # penalties of further maps: of the norm of the probe, and of that of gLocal
TOLERANCE = 1e-2  # of the latter, whose objective is not convex


def batches_of_half(n: int) -> dict[str, int]:
    """The options by which a fit keeps the neighbours of half of n images, so that the others show what it keeps.

    Example:
        >>> batches_of_half(1854), batches_of_half(5001), batches_of_half(4)
        ({'batch_size': 927, 'batches': 1}, {'batch_size': 834, 'batches': 3}, {})
    """
    batches = -(-n // (2 * LocalOptions.batch_size))
    size = -(-n // (2 * batches))
    return {"batch_size": size, "batches": batches} if size >= FEWEST_OTHERS else {}


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
                       "the noise ceiling needs triplets that several people answered; each is there once")

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
                  if len(layers) > 1 and LOGITS in map(str.lower, layers)]
        if not logits:
            both = "MODEL_penultimate.npy and MODEL_logits.npy"
            command = "`pyalign extract --model MODEL --layer penultimate logits`"
            what = "logits against the penultimate layer: no model has both"
            self.lacks("logits", f"{what}; files {both}, or {command}")
            return
        function = "compare" if len(logits) > 1 else "score"
        self.add("logits", function, "logits instead of the layer before", models=logits, triplets=THINGS)
        if len(logits) > 1:
            self.scores[LOGITS] = "logits"
        else:
            self.lacks("logits-against-penultimate", "logits against the penultimate layer: only one model has both")

    def _depth(self) -> None:
        layers = [self.things.called(model, layer) for model, of in self.things.models.items() if len(of) > 1
                  for layer in of if layer]
        if len(layers) > 1:
            what = "accuracy over depth, with the best layer chosen on other objects"
            self.add("depth", "compare", what, models=layers, triplets=THINGS, choose_best=True)
        else:
            self.lacks(
                "depth", "accuracy over depth: no model has several layers; `pyalign extract --model MODEL --layer ...`"
            )

    def _cifar(self) -> None:
        cifar = self.sets.get(CIFAR)
        if cifar is None or CIFAR not in self.draft.sets.get("triplets", {}):
            self.lacks(CIFAR, f"{TITLES[CIFAR]}: no triplets with embeddings of its images; cifar100/triplets.npy and "
                       "cifar100/MODEL.npy, or `pyalign datasets fetch cifar100-coarse`")
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
                          if (called := objects.called(model, layer)) not in self.draft.mains]
                models += others if len(models) + len(others) <= MOST_LAYERS else []
            self.add(f"rsa-{name}", "rsa", f"{objects.title}: correlations, RDMs and MDS", models=models, human=name,
                     rdms=True)
            self._scored_too(f"RSA, {objects.title}", f"rsa-{name}", objects)
        for name in OF_PAPER:
            if not any(there_name.partition("-")[0] == name for there_name in there):
                published = {"king": "king19", "cichy": "cichy118"}.get(name, name)
                self.lacks(f"rsa-{name}", f"RSA on {TITLES[name]}: no matrices with embeddings of its images; "
                           f"{name}/rdms.npy and {name}/MODEL.npy, or `pyalign datasets path {published} --folder DIR` "
                           "for the published files")

    def known_models(self, table: str) -> None:
        """Accuracy against what is known of models, and against their other scores; probes."""
        self.families: list[str] | None = None
        known = self._known(table) if self.models else 0
        if known < FEWEST_KNOWN:
            what = "accuracy against ImageNet accuracy, objective, data and size"
            self.lacks("table-of-models", f"{what} needs at least {FEWEST_KNOWN} models that a table has a row of; "
                       f"{known} here: add rows to models.csv (docs/metadata.md)")
        if not self.models:
            return
        if len(self.models) > 1:
            what = "two scores of each model, and accuracy against what is known of it"
            others = {column: f"step:{step}" for column, step in self.scores.items()}
            others["probed"] = "step:probe"
            if THINGS in self.draft.sets.get("dimensions", {}):
                others["mean R² of human dimensions"] = "step:predict"
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
        self.families = families_of(self.models, found)
        built_in = [note for note in found.notes if note.startswith("the metadata of ")]
        self.draft.recognized += built_in
        return sum(row is not None for row in rows)

    def explanations(self, repeated: float) -> None:
        """Accuracy per human dimension, R² of dimensions, error by the entropy of people's choices."""
        human = self.draft.sets.get("dimensions", {})
        dimensions = THINGS in human
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
                           "models.csv with a column family")
            self.add("concepts", "concepts", what, models=self.models, triplets=THINGS, **options,
                     **self._chosen(THINGS, "categories", "dimensions"))
        if not (self.models and dimensions):
            self.lacks("concepts" if not categories else "dimensions", f"accuracy per human dimension: {needs}")
        if self.models and dimensions:
            self.add("predict", "predict", "R² of human dimensions, by ridge regression", models=self.models,
                     dimensions=THINGS)
            of_paper = next((name for name in human if "vice" in human[name][0]["file"].lower()), THINGS)
            what = "error by the entropy of the choice that human dimensions predict, over all triplets"
            self.add("entropy", "concepts", what, models=self.models, triplets=THINGS, dimensions=of_paper,
                     entropy="dimensions", top=0, **self._chosen("none", "categories"))
        else:
            self.lacks("predict", f"R² of human dimensions: {needs}")
            self.lacks("entropy", f"error by the entropy of the choice over all triplets: {needs}")
        answered = ANSWERED in self.draft.sets.get("triplets", {})
        if self.models and (answered or repeated >= OFTEN):
            self.add("agreement", "agreement", "error by the entropy of the answers of many people",
                     models=self.models, triplets=ANSWERED if answered else THINGS)
        else:
            self.lacks("agreement", "error by the entropy of answers: no triplets that many people answered; how many "
                       "gave each answer, such as counts (t, 3) in things/counts.npy")

    def models_with_each_other(self) -> None:
        """Equal choices and errors, triplets that all get wrong, CKA."""
        if len(self.models) > 1:
            self.add("consistency", "consistency", "equal choices of models, and equal errors", models=self.models,
                     triplets=THINGS, **self._chosen(THINGS, "categories", "dimensions"))
        else:
            self.lacks("consistency", "equal choices of models: needs triplets and embeddings of two models")
        if self.models:
            self.add("failures", "failures", "triplets that every model gets wrong", models=self.models,
                     triplets=THINGS, limit=200)
        else:
            self.lacks("failures", f"triplets that every model gets wrong: {self.no_triplets}")
        alike = self.models
        if len(alike) < 2:  # those of another data set
            scored = [objects for objects in self.sets.values()
                      if any(objects.called(model) in self.draft.models for model in objects.models)]
            alike = max(([objects.called(model) for model in objects.models] for objects in scored), key=len)
        if len(alike) > 1:
            self.add("cka", "cka", "similarity of models to each other", models=alike)
        else:
            self.lacks("cka", "similarity of models to each other: needs embeddings of two models")

    def _chosen(self, name: str, *kinds: str) -> dict[str, str]:
        """Which categories, or dimensions, a step takes where it would have to choose: those of the objects, if any."""
        of = {kind: self.draft.sets.get(kind, {}) for kind in kinds}
        return {kind: name if name in sets else "none" for kind, sets in of.items() if not {*sets} <= {name}}

    def transfer(self) -> None:
        """What maps win and lose: those of probes, of another penalty, and of gLocal, on each set of the same model."""
        if not self.models:
            self.lacks("transfer", f"what maps win and lose: {self.no_triplets}")
            return
        self.add("stronger", "fit_probe", "the maps of a larger penalty", models=self.models, triplets=THINGS,
                 penalty=STRONG)
        for model in self.things.models:
            main = main_layer(self.things.models[model])
            item = self.things.models[model][main]
            others = [(objects, self._same_layer(objects, model, main)) for objects in self.sets.values()]
            same = [(objects, other) for objects, other in others if other is not None]
            wide = [other for _, other in same if other.shape[1] == item.shape[1]]
            most = max(wide, key=lambda other: other.shape[0], default=item)
            local = self._step_name("local", model)
            what = "a map by gLocal, which keeps neighbours: of other images, or of half of these if there are none"
            half = {} if most is not item else batches_of_half(most.shape[0])
            self.add(local, "fit_probe", what, models=[self.things.called(model)], triplets=THINGS, penalty=IDENTITY,
                     norm="identity", other_embeddings=most.spec, **half, tolerance=TOLERANCE)
            maps = {f"probe, penalty {PENALTY:g}": f"step:probe::{model}",
                    f"penalty {STRONG:g}": f"step:stronger::{model}", "gLocal": f"step:{local}"}
            if published := self._published_map(model, item.shape[1]):
                maps[f"published gLocal, {published}"] = f"{PUBLISHED_MAP}{published}"
            for objects in (self.things, *(objects for objects, _ in same)):
                self._transfer_on(objects, model, item, maps)

    def _published_map(self, model: str, features: int) -> str:
        """The name under which gLocal has published a map of a model, "" unless it is on this machine and fits."""
        row = row_of(model)
        name = next((name for name in (row or {"names": ""})["names"].split() if name in MAPS), "")
        if not name:
            return ""
        spec, step = f"{PUBLISHED_MAP}{name}", self._step_name("glocal", model)
        what = f"the published gLocal map of {model}"
        try:
            there = place_of(name).exists()
            taken = load_transform(place_of(name)).weights.shape[0] if there else features
        except (InputError, OSError) as error:
            self.lacks(step, f"{what}: {one_line(str(error))}")
            return ""
        if not there:
            self.lacks(step, f"{what} is not on this machine; `pyalign transfer FILE --map {spec}` fetches it")
        elif taken != features:
            self.lacks(step, f"{what} takes {taken:,} features, of {MAPS[name]}; there are {features:,}")
        return name if there and taken == features else ""

    def _same_layer(self, objects: Objects, model: str, layer: str) -> Item | None:
        """The embeddings of the objects of another data set by what stands for a model, if it is the same layer."""
        layers = objects.models.get(model, {})
        if objects is self.things or objects.called(model) not in self.draft.models or not layers:
            return None
        other = main_layer(layers)
        return layers[other] if "" in (layer, other) or other.lower() == layer.lower() else None

    def _transfer_on(self, objects: Objects, model: str, item: Item, maps: Mapping[str, str]) -> None:
        name = self._step_name("transfer", objects.called(model))
        other = objects.models[model][main_layer(objects.models[model])]
        if other.shape[1] != item.shape[1]:
            self.lacks(name, f"what the maps of {model} win and lose on {objects.title}: {one_line(other.spec)} has "
                       f"{other.shape[1]:,} features, and the maps take {item.shape[1]:,}")
            return
        what = f"what the maps win and lose on {objects.title}: all of it, within categories, and neighbours"
        self.add(name, "transfer", what, models=[objects.called(model)], on=objects.name, maps=dict(maps),
                 **self._chosen(objects.name, "categories"))

    def _step_name(self, what: str, model: str) -> str:
        """A name for a step of one model, without signs that such names must not have; no other step has it."""
        name = f"{what}-{model}".translate({ord(sign): "-" for sign in "/\\:"})
        taken = {step.name for step in self.draft.steps}
        return name if name not in taken else next(one for k in count(2) if (one := f"{name} {k}") not in taken)
