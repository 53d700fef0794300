"""Small files in the place of a reader's own: what the commands of pages name and no page makes.

`lay_out` puts those into a folder that a page's commands name. They are made of one world: 1,854 objects, as many as
THINGS has, with 66 dimensions; models see these dimensions with noise, and people answer by them.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

N, DIMENSIONS, PEOPLE, ANSWERS = 1854, 66, 12, 2400
OBJECTS = ("apple", "banana", "tiger", "violin", "doughnut", *(f"object{k:04}" for k in range(5, N)))
PHOTOS = tuple(f"{color}{k}" for color in ("red", "green", "blue") for k in range(4))
OF_92 = 92
EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
FEATURES = 24


def dimensions(n: int = N) -> np.ndarray:
    """(n, 66) numbers from 0 up, few of them far from 0, as those of people are."""
    rng = np.random.default_rng(n)
    return np.round(rng.gamma(0.3, size=(n, DIMENSIONS)), 4)


def model(seed: int, n: int = N, noise: float = 1.0) -> np.ndarray:
    """(n, 24) float32: a mixture of the dimensions, and noise."""
    rng = np.random.default_rng(seed)
    mixed = dimensions(n) @ rng.standard_normal((DIMENSIONS, FEATURES)) / 4
    return (mixed + noise * rng.standard_normal((n, FEATURES)) / 4).astype(np.float32)


@cache
def answers(seed: int = 0, count: int = ANSWERS, n: int = N) -> np.ndarray:
    """(count, 4): triplets with the odd item last, and the person; four people in a row answer the same triplet."""
    rng = np.random.default_rng(seed)
    items = np.repeat(np.array([rng.choice(n, 3, replace=False) for _ in range(count // 4)]), 4, axis=0)
    x = dimensions(n)
    pairs = np.stack([(x[items[:, p]] * x[items[:, q]]).sum(axis=1) for p, q in ((1, 2), (0, 2), (0, 1))], axis=1)
    odd = (pairs + rng.gumbel(size=pairs.shape)).argmax(axis=1)  # a softmax at temperature 1
    turned = np.array([np.roll(row, 2 - k) for row, k in zip(items, odd, strict=True)])
    return np.column_stack([turned, np.arange(count) % PEOPLE]).astype(np.int16)


def counts(columns: int = 3) -> np.ndarray:
    """How many people chose each of the items of `answers`."""
    return np.random.default_rng(9).integers(1, 9, (ANSWERS, columns)) + np.arange(columns) * 4


def people(n: int) -> np.ndarray:
    """(4, n, n): dissimilarities of four people."""
    rng = np.random.default_rng(n)
    seen = [dimensions(n) + rng.gamma(0.3, size=(n, DIMENSIONS)) for _ in range(4)]
    return np.round(1 - np.array([np.corrcoef(one) for one in seen]), 6)


def dissimilarities(seed: int) -> np.ndarray:
    """(n, n) float32, of a model."""
    return (1 - np.corrcoef(model(seed))).astype(np.float32)


def lines(*words: Any) -> str:
    return "".join(f"{word}\n" for word in words)


def table(*rows: Any) -> str:
    return lines(*(",".join(map(str, row)) for row in rows))


def categories(count: int) -> str:
    """A column for each category, 0 or 1, as ``category27.tsv`` has it."""
    names = [f"category {k}" for k in range(count)]
    of = np.arange(N) % (count + 3)  # some objects have none
    return lines("\t".join(names), *("\t".join(str(int(k == j)) for j in range(count)) for k in of))


def spose() -> str:
    return lines(*(" ".join(map(str, row)) for row in dimensions()))


def anchored(header: str) -> str:
    """Anchor, chosen and other of each row, and the position of the chosen."""
    rows = [(i, j, k, 0) for k, i, j, _ in answers()]  # the odd item comes first: the other two are alike
    return table(header.split(","), *(row[: len(header.split(","))] for row in rows))


def jspsych() -> str:
    """What 12 people answered, of whom one has seen all triplets and clicked on none, as jsPsych writes it."""
    rows: list[dict[str, Any]] = []
    for k, (*items, person) in enumerate(answers(7, 900).tolist()):
        shown = [f"img/{OBJECTS[item]}_01b.jpg" for item in np.roll(items, k)]
        fixation = {"trial_type": "html-keyboard-response", "stimulus": "<p>+</p>", "response": None}
        click = None if person == 7 else (2 + k) % 3
        trial = {"trial_type": "image-button-response", "rt": 900 + k, "stimuli": shown, "response": click}
        rows += [
            {**row, "subject": f"p{person}", "phase": "practice" if k < 24 else "test"} for row in (fixation, trial)
        ]
    header = dict.fromkeys(name for row in rows for name in row)
    cells = [[row.get(name, "") for name in header] for row in rows]
    texts = [[x if isinstance(x, str) else json.dumps(x, separators=(",", ":")) for x in row] for row in cells]
    return "".join(",".join('"' + x.replace('"', '""') + '"' for x in row) + "\r\n" for row in ([*header], *texts))


def transform(path: Path) -> None:
    from pyalign import Transform, write_transform

    write_transform(path, Transform(np.eye(FEATURES), np.zeros(FEATURES), 0.0, 1.0))


def with_names(path: Path) -> None:
    from pyalign import Embeddings, write_embeddings

    write_embeddings(path, Embeddings(model(1), OBJECTS))


def photos(folder: Path) -> None:
    """Small pictures in one color each, called after objects."""
    from PIL import Image

    folder.mkdir()
    for k, name in enumerate((*PHOTOS, *OBJECTS[:5])):
        Image.new("RGB", (40, 40), (20 * k % 256, 90 * k % 256, 200 - 10 * k)).save(folder / f"{name}.png")


def layers(path: Path) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        file["pool5"] = model(2)


def matlab(key: str, value: np.ndarray) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        from scipy.io import savemat

        savemat(path, {key: value})

    return write


def for_a_study(folder: Path) -> None:
    """Two models of 92 objects, with their names and triplets."""
    folder.mkdir()
    np.save(folder / "clip.npy", model(1, OF_92))
    np.save(folder / "vgg.npy", model(2, OF_92, 2))
    np.save(folder / "triplets.npy", answers(4, 600, OF_92)[:, :3])
    (folder / "names.txt").write_text(lines(*OBJECTS[:OF_92]))


def for_metadata(folder: Path) -> None:
    """The models of `METADATA`."""
    folder.mkdir()
    for k, name in enumerate(METADATA[1:]):
        np.save(folder / f"{name.split(',')[0]}.npy", model(k, noise=0.5 + k / 4))


def things(place: Path) -> None:
    """The data sets things and spose66, as `pyalign datasets fetch` would leave them."""
    place.mkdir(parents=True)
    (place / "unique_id.txt").write_text(lines(*OBJECTS))
    (place / "spose_embedding_66d_sorted.txt").write_text(spose())
    (place / "labels.txt").write_text(lines(*LABELS))
    (place / "category27.tsv").write_text(categories(27))
    np.save(place / "train_90.npy", answers(5)[:, :3])
    np.save(place / "test_10.npy", answers(6)[:, :3])


def things_described(place: Path) -> None:
    """The same in a folder that says itself what it holds, since checksums of the published files are not its own."""
    things(place)
    described = 'names = "unique_id.txt"\n[triplets.train]\nfile = "train_90.npy"\n'
    (place / "dataset.toml").write_text(described)


def of_92(place: Path) -> None:
    """What the data set kriegeskorte92 needs."""
    place.mkdir(parents=True)
    np.savez(place / "kriegeskorte92_images_and_behaviour.npz", rdms=people(OF_92))


def drawn(path: Path, seed: int) -> None:
    """A small picture."""
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    gray = np.random.default_rng(seed).integers(0, 256, (4, 4))
    Image.fromarray(gray.astype(np.uint8)).resize((32, 32)).save(path)


def nights(place: Path) -> None:
    """24 triplets as NIGHTS has them. Each other time the second option is drawn like the reference, else the first."""
    rows = ["id,right_vote,votes,ref_path,left_path,right_path,is_imagenet,split"]
    for k in range(24):
        paths = f"ref/{k:03}.png", f"distort/{k:03}_0.png", f"distort/{k:03}_1.png"
        for path, seed in zip(paths, (k, k + 100 * (k % 2), k + 100 * (1 - k % 2)), strict=True):
            drawn(place / "nights" / path, seed)
        rows.append(",".join((str(k), str(float(k % 2 or k % 8 == 0)), "8", *paths, "True", "test")))
    (place / "nights" / "data.csv").write_text(lines(*rows))


def bapps(place: Path) -> None:
    """24 triplets as BAPPS has them, with the share of five judges who chose the second option."""
    for k in range(24):
        kind = place / "2afc" / "val" / ("cnn", "color")[k % 2]
        for side, seed in (("ref", k), ("p0", k + 100 * (k % 3 == 0)), ("p1", k + 100)):
            drawn(kind / side / f"{k:06}.png", seed)
        (kind / "judge").mkdir(exist_ok=True)
        np.save(kind / "judge" / f"{k:06}.npy", np.float32([0.2 if k % 3 else 0.6]))


def sbatch(folder: Path) -> None:
    """A program that runs each task of an array at once, and prints the number of a job, as that of SLURM does."""
    folder.mkdir()
    (folder / "sbatch").write_text(SBATCH)
    (folder / "sbatch").chmod(0o755)


PROGRAMS = ".programs"  # in the folder of a page, where commands are looked for
SBATCH = """\
#!/bin/bash
script=$(mktemp) count=1
cat > "$script"
for word; do case $word in --array=1-*) count=${word#--array=1-};; esac; done
for ((k = 1; k <= count; k++)); do SLURM_ARRAY_TASK_ID=$k bash "$script" > /dev/null || true; done
rm "$script"
echo 7
"""
LABELS = [f"dimension {k}" for k in range(1, DIMENSIONS + 1)]
METADATA = (
    "model,family,objective,data,parameters,imagenet_accuracy,seed",
    "resnet50,ResNet,supervised,ImageNet-1k,25.6M,76.1 %,", "resnet101,ResNet,supervised,ImageNet-1k,44.5M,77.4 %,",
    "clip_vit_b32,CLIP,image-text,WIT-400M,151M,63.3 %,", "clip_rn50,CLIP,image-text,WIT-400M,102M,59.8 %,",
    "simclr-seed1,SimCLR,contrastive,ImageNet-1k,25.6M,69.1 %,1",
    "simclr-seed2,SimCLR,contrastive,ImageNet-1k,25.6M,68.9 %,2",
)
MORE = ("clip,CLIP,image-text,WIT-400M,151M,63.3 %,", "vgg,VGG,supervised,ImageNet-1k,138M,71.6 %,")
TURN = np.arange(ANSWERS)
ODD = np.where(TURN % 3 > 0, 2, TURN % 2)  # the position that a language model calls odd: mostly that of the people
FILES: dict[str, Any] = {  # name -> an array, arrays by key, a text, or what writes it at a path
    "clip.npy": lambda: model(1),
    "my.npy": lambda: model(1),
    "clip.npz": with_names,
    "vgg.npy": lambda: model(2, noise=2),
    "vgg.h5": layers,
    "layers.npz": lambda: {name: model(2, noise=noise) for name, noise in (("fc6", 3), ("fc7", 2), ("fc8", 1))},
    "vgg16.npy": lambda: model(2, noise=2),
    "resnet.npy": lambda: model(3, noise=3),
    "dino.npy": lambda: model(4, noise=1.5),
    "w2v.npy": lambda: model(5, noise=2),
    "word2vec.npy": lambda: model(5, noise=2),
    "vice.npy": lambda: dimensions()[:, :42],
    "spose.txt": spose,
    "labels.txt": lambda: lines(*LABELS),
    "other.npy": lambda: model(6, 300),
    "images.npy": lambda: model(7, 300),
    "clip92.npy": lambda: model(1, OF_92),
    "vgg92.npy": lambda: model(2, OF_92, 2),
    "triplets.npy": lambda: answers()[:, :3],
    "t.npy": lambda: answers()[:, :3],
    "other_triplets.npy": lambda: answers(1)[:, :3],
    "others.npy": lambda: answers(1, 600, 300)[:, :3],
    "held_out.npy": lambda: answers(1)[:, :3],
    "new.npy": lambda: answers(1)[:, :3],
    "planned.npy": lambda: answers(2)[:, :3],
    "hard.npy": lambda: answers()[:, :3],
    "trials.npy": lambda: answers()[:, [1, 2, 0]],
    "answers.npy": lambda: answers(),
    "persons.txt": lambda: lines(*(f"person {k}" for k in answers()[:, 3])),
    "counts.npy": lambda: counts(),
    "t.npz": lambda: {"triplets": answers()[:, :3], "counts": counts()},
    "experiment.csv": jspsych,
    "triplets.csv": lambda: table(("image1", "image2", "odd"), *of_photos()),
    "pairs.csv": lambda: anchored("anchor,chosen,other"),
    "pairs.npy": lambda: answers()[:, [1, 2, 0]],
    "votes.npy": lambda: counts(2)[:, ::-1],
    "nights.csv": lambda: anchored("ref,left,right,vote"),
    "gpt.csv": lambda: table(("choice",), *((k,) for k in ODD)),
    "llama.csv": lambda: table(("choice",), *((k,) for k in ODD[::-1])),
    "gpt.txt": lambda: lines(*(OBJECTS[row[k]] for row, k in zip(answers()[:, :3], ODD, strict=True))),
    "gpt.npy": lambda: ODD + 1,
    "person.npy": lambda: ODD,
    "picks.npy": lambda: ODD % 2,
    "names.txt": lambda: lines(*OBJECTS),
    "objects.txt": lambda: lines(*OBJECTS),
    "category27.tsv": lambda: categories(27),
    "fine.tsv": lambda: categories(40),
    "coarse.tsv": lambda: categories(6),
    "categories.tsv": lambda: categories(6),
    "models.csv": lambda: lines(*METADATA, *MORE),
    "model_dict.json": lambda: json.dumps({"vgg16": {"penultimate": {"module_name": "fc7", "temperature": 0.5}}}),
    **dict.fromkeys(("map.npz", "probe.npz", "transform.npz"), transform),
    "people92.npz": lambda: {"rdms": people(OF_92)},
    "ratings92.mat": matlab("RSM", 1 - people(OF_92)[0]),
    "category92.npy": lambda: 1.0 - (np.arange(OF_92)[:, None] % 6 == np.arange(OF_92) % 6),
    "objects92.txt": lambda: lines(*OBJECTS[:OF_92]),
    "s.npy": lambda: 1 - people(OF_92)[0],
    "photos": photos,
    "embeddings": for_a_study,
    "networks": for_metadata,
    "rdm.npy": lambda: dissimilarities(1),
    "it.npy": lambda: dissimilarities(2),
    "v4.npy": lambda: dissimilarities(3),
    "ratings.npy": lambda: 1 - dissimilarities(4),
    "data/things": things_described,
    "data/92": of_92,
}


def of_photos() -> list[tuple[str, str, str]]:
    """Two photographs of one color and one of another."""
    rng = np.random.default_rng(0)
    rows = []
    for _ in range(300):
        first, second = rng.choice(4, 2, replace=False)
        one, other = rng.choice(["red", "green", "blue"], 2, replace=False)
        rows.append((f"{one}{first}", f"{one}{second}", f"{other}{rng.integers(4)}"))
    return rows


def lay_out(commands: str, folder: Path) -> None:
    """Writes the files that are named in `commands` into a folder, and data sets where PYALIGN_DATA finds them."""
    for name, make in FILES.items():
        if is_named(name, commands):
            write(folder / name, make)
    if "slurm.sh" in commands:
        sbatch(folder / PROGRAMS)
    for path in EXAMPLES.rglob("*.py"):
        if is_named(path.name, commands):
            shutil.copyfile(path, folder / path.name)
    for name, make in (("nights", nights), ("bapps", bapps)):
        if f"dataset:{name}" in commands:
            make(folder / "datasets" / name)
    if "dataset:" in commands:
        things(folder / "datasets" / "things")


def is_named(name: str, commands: str) -> bool:
    """Whether commands name the file, and not another that begins or ends so."""
    return re.search(rf"(?<![\w./-]){re.escape(name)}(?![\w.-])", commands) is not None


def write(path: Path, make: Any) -> None:
    """What `make` gives, or what it writes itself where it takes a path."""
    if make.__code__.co_argcount:
        make(path)
        return
    content = make()
    if isinstance(content, str):
        path.write_text(content, encoding="utf-8")
    elif isinstance(content, dict):
        np.savez(path, **content)
    else:
        np.save(path, content)
