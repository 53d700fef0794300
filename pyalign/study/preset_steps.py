"""The reader of presets, `presets/NAME.toml`: the steps that a folder has the data for, and the study file.

A preset has a `head`, which opens the study file, and `steps`: a function with what it shows, which is called `what`
where both have one name, and `options`. A step speaks of what a folder has, its facts: "models and no names" in `when`
are needed or the step is left out, `needs` says of each what is missing without it, and ``{fact}`` in a text stands for
it; "several models" are two at least. A step with `missing` is none: it says what is missing. `label` names its scores
where another step relates them. What is nothing but an empty fact is left out. `each` repeats a step, with the steps
inside it, for each of several. `example` is a model where a folder has none, `tail` closes the study file.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

from pyalign._dataclass import dataclass, field
from pyalign.errors import InputError
from pyalign.io.documents import key_of, quoted, read_toml
from pyalign.io.paths import one_line

FOLDER = Path(__file__).with_name("presets")
NO_PAPER = "draft"  # the preset of a study of no paper
PRESETS = tuple(sorted(path.stem for path in FOLDER.glob("*.toml") if path.stem != NO_PAPER))
KINDS = {
    "triplets": "what people answered; the odd item is last, unless odd_column says otherwise",
    "human": "matrices of people, for rsa",
    "dimensions": "human dimensions: what concepts, consistency and predict go by",
    "categories": "of the objects",
}
TOP = {
    "names": "of the rows of embeddings that have none, and of item numbers",
    "images": "of the objects: pictures in the report",
    "metadata": "a table of models: model, family, objective, ...; of others: pyalign models list --metadata",
}
KEYS = {"each", "when", "needs", "missing", "label", "options", "chosen", "steps"}  # of a step, but for its function
LONGEST = 100  # letters of a line of a list; longer ones have a line for each entry
UNFIT = str.maketrans("/\\:", "---")  # in names of steps


@dataclass(frozen=True)
class PresetStep:
    """A step of the study."""

    # name, function: of the step; of one that is called like its function both are the same.
    name: str
    function: str
    what: str  # it shows, a comment.
    options: Mapping[str, Any] = field(default_factory=dict)  # as in the file.

    @property
    def lines(self) -> Iterator[str]:
        """As they stand in the study file."""
        yield f"[steps.{key_of(self.name)}]  # {self.what}"
        if self.name != self.function:
            yield f"function = {quoted(self.function)}"
        for name, value in self.options.items():
            line = f"{name} = {quoted(value)}"
            if isinstance(value, Mapping) and len(line) > LONGEST:
                yield from (f"{name}.{key_of(key)} = {quoted(entry)}" for key, entry in value.items())
            elif isinstance(value, list) and len(line) > LONGEST:
                yield from (f"{name} = [", *(f"  {quoted(entry)}," for entry in value), "]")
            else:
                yield line


@dataclass
class Draft:
    """What a study can be made of, by a preset."""

    preset: Mapping[str, Any] = field(default_factory=dict)  # as its file has it.
    models: dict[str, Mapping[str, Any]] = field(default_factory=dict)  # name -> its entry.
    # names, images, metadata: the files, or "".
    names: str = ""
    images: str = ""
    metadata: str = ""
    # kind -> data set -> tables, of which the first is taken; the data set of a preset of no paper is "".
    sets: dict[str, dict[str, list[dict[str, Any]]]] = field(default_factory=lambda: {kind: {} for kind in KINDS})
    steps: list[PresetStep] = field(default_factory=list)  # what is run.
    recognized: list[str] = field(default_factory=list)  # what each file was taken for, one line per file.
    unknown: list[str] = field(default_factory=list)  # the files that no role was found for, one line per file.
    missing: dict[str, str] = field(default_factory=dict)  # step of a preset -> why it is not there.

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know: files without a role, and what is missing."""
        missing = (f"missing: {name}: {reason}" for name, reason in self.missing.items())
        return (*(f"not known: {fact}" for fact in self.unknown), *missing)

    @property
    def text(self) -> str:
        """The contents of the study file."""
        lines = [self.preset["head"].rstrip("\n")]
        for key, what in TOP.items():
            lines += [f"{key} = {quoted(value)}  # {what}"] if (value := getattr(self, key)) else []
        lines += ["", "[models]  # the name of each, and where its embeddings are stored"]
        for name, options in self.models.items():
            lines.append(f"{key_of(name)} = {quoted(options['file'] if len(options) == 1 else options)}")
        for kind, what in KINDS.items():
            for name, (first, *others) in self.sets[kind].items():
                lines += ["", f"[{kind}.{key_of(name)}]  # {what}" if name else f"[{kind}]  # {what}"]
                lines += [f"{key} = {quoted(value)}" for key, value in first.items()]
                lines += [f"# or: {', '.join(f'{key} = {quoted(value)}' for key, value in other.items())}"
                          for other in others]
        for step in self.steps:
            lines += ["", *step.lines]
        if self.missing:
            said = "the page says it too. A step of that name takes the place of its line."
            lines += ["", f"# What is not here, and what it would take; {said}", "[missing]"]
            lines += [f"{key_of(name)} = {quoted(one_line(reason))}" for name, reason in self.missing.items()]
        return "\n".join([*lines, self.preset.get("tail", "")])


def read_preset(name: str | None) -> dict[str, Any]:
    """A preset by its name; None: that of no paper."""
    if name is not None and name not in PRESETS:
        raise InputError(f"preset must be one of {', '.join(PRESETS)}; got {name!r}")
    return read_toml(FOLDER / f"{name or NO_PAPER}.toml", "presets")


def plan_steps(draft: Draft, facts: Mapping[str, Any]) -> None:
    """Enters the steps that there are data for, and says what is missing for the others."""
    for name, entry in draft.preset["steps"].items():
        _plan(draft, name, entry, {**draft.preset.get("texts", {}), **facts})


def _plan(draft: Draft, called: str, entry: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
    for more in facts[entry["each"]] if "each" in entry else ({},):
        here = {**facts, **more}
        name = free_name(called.format_map(here).translate(UNFIT), [step.name for step in draft.steps])
        lacking = [text for words, text in entry.get("needs", {}).items() if not _holds(words, here)]
        if not _holds(entry.get("when", ""), here):
            continue
        if lacking or "missing" in entry:
            draft.missing[name] = (lacking or [entry["missing"]])[0].format_map(here)
        else:
            draft.steps.append(_step(draft, entry, name, here))
        for inner, step in entry.get("steps", {}).items():
            _plan(draft, inner, step, {**here, "step": name})


def _step(draft: Draft, entry: Mapping[str, Any], name: str, facts: Mapping[str, Any]) -> PresetStep:
    options = _filled(entry.get("options", {}), facts)
    (function, what), = ((key, value) for key, value in entry.items() if key not in KEYS)
    function, models = name if function == "what" else function, options.get("models", ())
    if function == "compare" and len(models) == 1:
        function = "score"
    if "label" in entry and len({model.rpartition("/")[2] for model in models} & facts["own"]) > 1:
        facts["others"][entry["label"].format_map(facts)] = f"step:{name}"
    for kind, chosen in entry.get("chosen", {}).items():  # where the step would have to choose
        sets, wanted = draft.sets[kind], chosen.format_map(facts)
        if not {*sets} <= {wanted}:
            options[kind] = wanted if wanted in sets else "none"
    return PresetStep(name, function, what.format_map(facts), options)


def _holds(words: str, facts: Mapping[str, Any]) -> bool:
    """Whether there is what words ask for: "FACT and no FACT and several FACT"; nothing is there always."""
    for word in filter(None, words.split(" and ")):
        *how, fact = word.split()
        there = len(facts[fact]) > 1 if "several" in how else bool(facts[fact])
        if there == ("no" in how):
            return False
    return True


def _filled(value: Any, facts: Mapping[str, Any]) -> Any:
    """What an option becomes: texts with their facts, and a text that is one fact that fact."""
    if isinstance(value, dict):
        entries = ((key.format_map(facts), _filled(one, facts)) for key, one in value.items())
        return {key: one for key, one in entries if one is not None and one != ""}
    if isinstance(value, list):
        return [_filled(one, facts) for one in value]
    if not isinstance(value, str):
        return value
    return facts[value[1:-1]] if value[:1] == "{" and value[1:-1] in facts else value.format_map(facts)


def free_name(name: str, taken: Container[str]) -> str:
    """A name that is not taken, with a number behind it if need be."""
    return name if name not in taken else next(one for k in count(2) if (one := f"{name} {k}") not in taken)
