"""The pictures of docs/figures.md: `python tools/figures.py DATA [--out docs/figures]`.

DATA holds `things/`: CLIP and word2vec embeddings of THINGS, answers of people, SPoSE's 66 dimensions with their
labels; and `objects92/`: matrices of 92 photographs, layers of AlexNet (see the tests' real data). Images are emoji
whose Unicode name is that of an object, drawn by Debian's fonts-noto-color-emoji (SIL Open Font License). Each picture
has less than 60 kB.
"""

from __future__ import annotations

import argparse
import tempfile
import unicodedata
from collections.abc import Iterable
from pathlib import Path

import numpy as np

import pyalign

FONT = "/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf"
SIZE = 109  # the only one that the font has
LARGEST = 60_000


def emoji_of(name: str) -> str | None:
    """The emoji called after an object, or its face, or None."""
    for asked in (name, f"{name} face"):
        try:
            found = unicodedata.lookup(asked.replace("_", " ").upper())
        except KeyError:
            continue
        if ord(found) > 0x2600:
            return found
    return None


def draw_emoji(names: Iterable[str], folder: Path) -> None:
    """An image for each object that has one."""
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.truetype(FONT, SIZE)
    for name in names:
        letter = emoji_of(name)
        image = Image.new("RGBA", (136, 128))
        ImageDraw.Draw(image).text((0, 0), letter or "", font=font, embedded_color=True)
        if image.getbbox():
            image.save(folder / f"{name}.png")


def draw(things: Path, images: Path, out: Path) -> None:
    """All pictures."""
    names = tuple((things / "unique_id.txt").read_text().split())
    draw_emoji(names, images)
    pictured = [k for k, name in enumerate(names) if (images / f"{name}.png").exists()]
    called = [names[k] for k in pictured]
    triplets = np.load(things / "human_triplets_127304.npy")[:, :3]
    human = np.loadtxt(things / "spose_embedding_66d_sorted.txt")
    labels = [line.strip() for line in (things / "spose_66d_labels.txt").read_text().splitlines() if line.strip()]
    clip = np.load(things / "clip_vit_b32.npy").astype(np.float32)
    models = {"CLIP": clip, "word2vec": np.load(things / "word2vec.npy")}
    found = pyalign.score_concepts(models, triplets, human, dimension_labels=labels)
    pyalign.plot(found, limit=20, out=out / "concepts.svg")
    x = pyalign.Embeddings(clip[pictured], tuple(called), source="clip_vit_b32.npy")
    near = pyalign.neighbors(x, ["dog", "banana"], k=6)
    pyalign.plot(near, images=images, out=out / "gallery.png", ppi=100)
    pyalign.plot(found, "cards", dimensions=human[pictured], dimension_labels=labels, names=called, images=images,
                 limit=2, out=out / "cards.png", ppi=110)
    pyalign.plot(embeddings=x, images=images, method="tsne", width="single", out=out / "map.png", ppi=110)


def draw_rdms(objects: Path, out: Path) -> None:
    """The matrices of 92 photographs: participants, and the last layer of AlexNet."""
    people = np.load(objects / "kriegeskorte92_images_and_behaviour.npz")
    alexnet = {"AlexNet, fc8": np.load(objects / "alexnet_fc_92.npz")["fc8"]}
    words = [("face" if face else "human body") if human else "animal" if animal else "natural" if natural
             else "artificial" for face, human, animal, natural in
             zip(*(people[name] for name in ("face", "human", "animal", "natural")), strict=True)]
    found = pyalign.rsa(alexnet, people["behav_rdms"], kind="dissimilarity", ci=None, rdms=True)
    pyalign.plot(found, "rdm", categories=words, width="single", out=out / "rdm92.png", ppi=120)


def shrink(path: Path) -> None:
    """240 colors are enough for a page, and a third of the bytes."""
    from PIL import Image

    image = Image.open(path).convert("RGB").quantize(240, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    image.save(path, optimize=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder with things/ and objects92/")
    parser.add_argument("--out", type=Path, default=Path("docs/figures"), help="folder to write to")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as images:
        draw(options.data / "things", Path(images), options.out)
    draw_rdms(options.data / "objects92", options.out)
    for path in sorted(options.out.iterdir()):
        if path.suffix == ".png":
            shrink(path)
        size = path.stat().st_size
        print(f"{path}: {size:,} bytes{'' if size < LARGEST else ', too large'}")


if __name__ == "__main__":
    main()
