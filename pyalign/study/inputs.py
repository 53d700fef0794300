"""What a study reads, opened by the readers of pyalign when a step first needs it, each once."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np

from pyalign.data import Embeddings, RDMs, Triplets, hash_early
from pyalign.data.align import asked_items
from pyalign.datasets.dataset import described_files
from pyalign.errors import InputError
from pyalign.io.embeddings import open_named
from pyalign.io.paths import Spec, bad, errors_of, is_named, is_written_over
from pyalign.parts import digest_of
from pyalign.study.file import StudyFile, StudyModel
from pyalign.study.options import CATEGORIES, DIMENSIONS, HUMAN, LABELS, METADATA, TRIPLETS
from pyalign.typing import MatrixKind


class Inputs:
    """The inputs of a study, read once each; paths in the file are relative to its folder.

    Args:
        study: what the file says.
        extracted: gives the folder of a model that is extracted, and which of its layers.
    """

    def __init__(self, study: StudyFile, extracted: Callable[[str], tuple[str, str]]) -> None:
        self.study, self.extracted = study, extracted
        self._read: dict[tuple[Any, ...], Any] = {}
        self._digests: dict[int, tuple[Any, str]] = {}
        self._files: dict[str, os.stat_result] = {}
        self._used: set[str] = set()  # the files of the unit that is being made
        self._used_by: dict[tuple[Any, ...], set[str]] = {}

    def begin_unit(self) -> None:
        """From now on, `require_unchanged` is about what another unit reads."""
        self._used = set()

    def place(self, path: str) -> Spec:
        """Where a file of the study is, which is about to be read; see `require_unchanged`."""
        place = Spec(self.study.place(path))
        for file in described_files(place.path) if is_named(place) else (place.path,):
            with suppress(OSError, ValueError):  # said when it is read
                there = os.stat(file)
                if stat.S_ISREG(there.st_mode):
                    self._files.setdefault(file, there)
                    self._used.add(file)
        return place

    def require_unchanged(self) -> None:
        """Raises InputError where a file that the unit has read was written over since: arrays are mapped, not copied.

        One that was deleted, or another moved to its place, changes nothing of what is read.
        """
        for path in sorted(self._used):
            if is_written_over(path, self._files[path]):
                raise bad(path, "was changed while it was read; run the study again")

    def once(self, key: tuple[Any, ...], read: Callable[[], Any]) -> Any:
        """What was read under that key."""
        if key not in self._read:
            before, self._used = self._used, set()
            try:
                value = self._read[key] = read()
                if isinstance(value, Embeddings | Triplets | RDMs):
                    hash_early(value)
                self._used_by[key] = self._used
            finally:
                self._used |= before
        self._used |= self._used_by[key]
        return self._read[key]

    def hash_of_images(self, source: str, anew: bool = False) -> str:
        """SHA-256 of the names and the contents of images: one that was drawn over is another one.

        anew: whether they are read again, where they were read before.
        """
        from pyalign.extraction.finished import sha256_of_images
        from pyalign.extraction.images import as_images
        from pyalign.extraction.job import default_workers

        place = self.place(source)
        if anew:
            return sha256_of_images(as_images(place), default_workers())
        digest: str = self.once(("images", place), lambda: sha256_of_images(as_images(place), default_workers()))
        return digest

    def hash_of_part(self, source: str, batch_size: int | None, shard: tuple[int, int]) -> tuple[str, str]:
        """SHA-256 of the names of all images, and of the names and the contents of those of a part."""
        from pyalign.extraction.extract import BATCH
        from pyalign.extraction.finished import listing, sha256_of, sha256_of_items
        from pyalign.extraction.images import as_images
        from pyalign.extraction.job import default_workers, numbers_of

        images, size = as_images(self.place(source)), batch_size or BATCH
        count = len(images.names)
        batches = numbers_of(count, size, shard)
        part = range(batches.start * size, min(count, batches.stop * size))
        hashes = sha256_of_items(images.open, part, default_workers())
        return sha256_of("\n".join(images.names)), sha256_of(listing(images.names[part.start : part.stop], hashes))

    def digest(self, value: Any) -> str:
        """The digest of a value that was read, computed once; that of a table of models is made of its parts."""
        if isinstance(value, dict):
            return digest_of({name: self.digest(part) for name, part in value.items()})
        if id(value) not in self._digests:
            self._digests[id(value)] = value, digest_of(value)
        return self._digests[id(value)][1]

    def as_written(self, value: Any, spec: str) -> Any:
        """The value with its source, and the path in its notes, as in the study: documents name no local folder."""
        path, notes = Spec(spec).path, getattr(value, "notes", ())
        place = self.place(path)
        rewritten = tuple(note.replace(place, path) if place else note for note in notes)
        return replace(value, source=spec, **({"notes": rewritten} if notes else {}))

    def names(self, spec: str) -> tuple[str, ...]:
        """The names in FILE or FILE::KEY."""
        from pyalign.io.item_names import read_names

        place = self.place(spec)
        names: tuple[str, ...] = self.once(("names", spec), lambda: read_names(place.path, key=place.key))
        return names

    def embeddings(self, spec: str, names: str | None = None, name_column: int | str | None = None) -> Embeddings:
        """The embeddings of FILE, FILE::KEY or dataset:NAME."""
        from pyalign.io.embeddings import load_embeddings

        def read() -> Embeddings:
            place = self.place(spec)
            known = None if names is None else self.names(names)
            embeddings: Embeddings = self.as_written(
                load_embeddings(place.path, key=place.key, names=known, name_column=name_column), spec
            )
            return embeddings

        embeddings: Embeddings = self.once(("embeddings", spec, names, name_column), read)
        return embeddings

    # Models

    def models(
        self, names: Sequence[str], items: tuple[str, ...] | None, missing: str
    ) -> dict[str, Embeddings | RDMs]:
        """The models of these names, with a row for each object where the study asks for that.

        items: the objects that they are asked about, where these have names.
        missing: whether some of these may be without a row, "omit", or not, "raise".
        """
        return {name: self.model(self.study.models[name], items, missing) for name in names}

    def model(self, model: StudyModel, items: tuple[str, ...] | None, missing: str) -> Embeddings | RDMs:
        """One model; a ready matrix is given as `RDMs`."""
        how = model.options.get("per_object")

        def read() -> Embeddings | RDMs:
            return self._raw(model) if how is None else self._per_object(model, how, items, missing)

        key = ("model", model.name, None) if how is None else ("model", model.name, items, missing)
        loaded: Embeddings | RDMs = self.once(key, read)
        return loaded

    def _raw(self, model: StudyModel) -> Embeddings | RDMs:
        if model.is_matrix:
            return self._judgments({"file": model.file, **model.options})
        if not model.extract:
            x = self.embeddings(model.file, model.options.get("names"), model.options.get("name_column"))
            human = {entry["file"] for entry in self.study.sets[DIMENSIONS].values()}
            return replace(x, fitted=True) if model.file in human else x
        from pyalign.io.embeddings import load_embeddings

        folder, layer = self.extracted(model.name)
        embeddings = load_embeddings(folder, key=layer)
        return replace(embeddings, source=f"models/{os.path.basename(folder)}::{layer}")

    def _per_object(self, model: StudyModel, how: str, items: tuple[str, ...] | None, missing: str) -> Embeddings:
        x = self.once(("model", model.name, None), lambda: self._raw(model))
        try:
            embeddings, note = x.per_object(how, items, missing)
        except InputError as error:
            raise InputError(f"{model.name}: {error}") from error
        return replace(embeddings, notes=(*embeddings.notes, f"{model.name}: {note}"))

    # What people said

    def of_kind(self, kind: str, name: str) -> Any:
        """A set of a kind of inputs: triplets, judgments, dimensions, their labels, categories."""
        read = {
            TRIPLETS: self._triplets, HUMAN: self._judgments, DIMENSIONS: self._dimensions, LABELS: self._labels,
            CATEGORIES: self._categories,
        }[kind]
        entry = self.study.sets[DIMENSIONS if kind == LABELS else kind][name]
        return self.once((kind, name), lambda: read(entry))

    def people(self, chosen: tuple[str, ...]) -> dict[str, Triplets | RDMs]:
        """Sets of triplets and of human matrices, by their names; one without a name by that of its kind.

        chosen: the names of those that are wanted; none: all.
        """
        of_kinds = self.study.people(chosen)
        names = [name or kind for kind, name in of_kinds]
        return {
            name if names.count(name) == 1 else f"{name} ({kind})": self.of_kind(kind, of_set)
            for name, (kind, of_set) in zip(names, of_kinds, strict=True)
        }

    def _triplets(self, entry: Mapping[str, Any]) -> Triplets:
        from pyalign.io.triplets import load_triplets

        place = self.place(entry["file"])
        layout = {name: entry[name] for name in entry if name not in ("file", "answers", "subjects", "item_names")}
        named = None if "item_names" not in entry else self.names(entry["item_names"])
        triplets = self.as_written(load_triplets(place.path, key=place.key, item_names=named, **layout), entry["file"])
        if triplets.names is None and self.study.names is not None and not self._rows_are_images():
            triplets = replace(triplets, names=self.names(self.study.names), numbered=True)
        if "subjects" in entry:
            triplets = replace(triplets, subjects=self._people(entry["subjects"], len(triplets)))
        return triplets if "answers" not in entry else self._answered(triplets, entry["answers"])

    def _rows_are_images(self) -> bool:
        """Whether the shared names are those of images, of which several are one object, and so of no item numbers."""
        shared = [
            model.options for model in self.study.models.values() if model.options.get("names") == self.study.names
        ]
        return any("per_object" in options for options in shared)

    def _people(self, spec: str, t: int) -> Any:
        from pyalign.io.answers import read_subjects

        place = self.place(spec)
        subjects = read_subjects(place.path, key=place.key)
        if len(subjects.codes) != t:
            raise bad(place.path, f"subjects must have one entry per triplet ({t}); got {len(subjects.codes)}")
        return subjects

    def _answered(self, triplets: Triplets, spec: str) -> Triplets:
        from pyalign.io.answers import read_answers

        place = self.place(spec)
        with errors_of(place.path):
            return triplets.with_answers(read_answers(place.path, key=place.key, task=triplets.task))

    def _judgments(self, entry: Mapping[str, Any]) -> RDMs:
        names = None if "names" not in entry else self.names(entry["names"])
        return self.judgments(entry["file"], entry.get("kind"), names)

    def judgments(self, spec: str, kind: MatrixKind | None, names: tuple[str, ...] | None = None) -> RDMs:
        """Matrices in FILE or FILE::KEY."""
        from pyalign.io.judgments import load_rdms

        place = self.place(spec)
        judgments: RDMs = self.as_written(load_rdms(place.path, kind=kind, key=place.key, names=names), spec)
        return judgments

    def _dimensions(self, entry: Mapping[str, Any]) -> Embeddings:
        return self.embeddings(entry["file"], entry.get("names"), entry.get("name_column"))

    def _labels(self, entry: Mapping[str, Any]) -> tuple[str, ...] | None:
        """Labels of dimensions: those that are given, or those of the data set where it has some."""
        if "labels" in entry:
            return self.names(entry["labels"])
        spec = Spec(entry["file"])
        if not is_named(spec.path):
            return None
        try:
            labels: tuple[str, ...] = open_named(spec.path, "dimensions", spec.key)
        except InputError:  # VICE comes without
            return None
        return labels

    def _categories(self, entry: Mapping[str, Any]) -> Any:
        return self.categories(entry["file"])

    def categories(self, spec: str) -> Any:
        """Categories of objects."""
        from pyalign.io.item_names import load_categories

        return load_categories(self.place(spec))

    def items(self, triplets: Triplets | None, human: RDMs | None) -> tuple[str, ...] | None:
        """The names of the objects that a step is about, where they are known."""
        if triplets is not None:
            return asked_items(triplets)
        return None if human is None else human.names

    def metadata(self, spec: str) -> Any:
        """What is known of the models, from a table."""
        from pyalign.io.item_names import load_metadata

        return self.once((METADATA, spec), lambda: replace(load_metadata(self.place(spec)), source=spec))

    # Files that options name

    def result(self, spec: str) -> Any:
        """A document of a result."""
        from pyalign._result import load_result

        return load_result(self.place(spec).path)

    def option(self, what: str, value: Any, analysis: str) -> Any:
        """What an option that names files stands for (see `options.FILES`)."""
        return getattr(self, f"_option_{what}")(value, analysis)

    def _option_transform(self, spec: str, analysis: str) -> Any:
        from pyalign.io.transform import load_transform

        return replace(load_transform(self.place(spec)), source=spec)

    def _option_embeddings(self, spec: str, analysis: str) -> Any:
        return self.embeddings(spec)

    def _option_queries(self, queries: Any, analysis: str) -> Any:
        return self.embeddings(queries) if isinstance(queries, str) else queries

    def _option_weights(self, spec: str, analysis: str) -> Any:
        from pyalign.io.answers import read_weights

        place = self.place(spec)
        return read_weights(place.path, key=place.key)

    def _option_groups(self, spec: str, analysis: str) -> Any:
        from pyalign.io.answers import read_subjects

        place = self.place(spec)
        groups = read_subjects(place.path, key=place.key, noun="group")
        return np.array(groups.labels)[groups.codes]

    def _option_categories(self, files: Any, analysis: str) -> Any:
        categories = tuple(self.categories(file) for file in ((files,) if isinstance(files, str) else files))
        if len(categories) != 2:
            raise InputError(f"levels must be two files, fine and coarse; got {len(categories)}")
        return categories

    def _option_rdms(self, specs: Mapping[str, str], analysis: str) -> Any:
        return {name: self.judgments(spec, "dissimilarity") for name, spec in specs.items()}

    def _option_choices(self, specs: Mapping[str, str], analysis: str) -> Any:
        from pyalign.io.answers import read_choices

        places = {name: self.place(spec) for name, spec in specs.items()}
        return {name: read_choices(place.path, key=place.key) for name, place in places.items()}

    def _option_ceiling(self, value: Any, analysis: str) -> Any:
        if not isinstance(value, str):
            return value
        from pyalign._result import load_result
        from pyalign.analysis.ceiling.leave_one_out import ceiling_of

        place = self.place(value)
        result = load_result(place.path)
        if getattr(result, "command", None) != "ceiling":
            raise bad(place.path, "is no result of ceiling")
        return ceiling_of(result, place.key or "estimate")
