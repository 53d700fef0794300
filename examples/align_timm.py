"""Fine-tune the last blocks of a timm network on odd-one-out answers, beside four ways that train no network.

    pip install '.[extract,probe]'
    python examples/align_timm.py --out align_timm.csv

align_timm.csv beside this file is its table with both options below: 5 folds, about 4 minutes of a processor.

Each fold holds a part of the objects out from the first step; a fifth of the other objects decides when to stop, and
which penalty is taken. Every way sees the same answers about the same objects:

    frozen    the network as it came, by the cosine
    centered  the same less the mean of the rows, as in all that follow
    probe     pyalign.fit_probe, by the dot product
    linear    a linear map that starts as the identity
    tuned     the last blocks of the network

The answers of the built-in sample come from CATEGORIES, not from people: a gain says that categories were learned.
What people say is in photographs of which nothing is ever trained on: `--photographs` takes the 92 objects of
Kriegeskorte et al., 2008, with the dissimilarities of 16 people (images, behav_rdms in a .npz file). `--labeled` takes
a folder of photographs named NAME_CLASS.jpg, a class of ImageNet: does the classifier of the network still know them?
"""

import argparse
import copy
import csv
import os
from pathlib import Path

import numpy as np
import torch
from torch import nn

import pyalign
from pyalign.extraction.decode import decode
from pyalign.integrations.torch import TripletLoss
from pyalign.integrations.training import AlignmentEvery, TripletBatches
from pyalign.stats.splits import TripletKFold

WAYS = {"frozen": "cosine", "centered": "cosine", "probe": "dot", "linear": "cosine", "tuned": "cosine"}
AFTER = ("conv_head", "bn2", "norm")  # what timm's networks have between blocks and pooling, in this order
PENALTIES = (0.03, 0.1, 0.3)
TEMPERATURE = 0.1  # of cosines
SCORED_AT_ONCE = 64


class Tail(nn.Module):
    """The last blocks of a network and what follows, to the row before the classifier.

    It stays in evaluation mode: batch norm by the statistics of a small set of objects would change what rows mean.
    """

    def __init__(self, network, blocks):
        super().__init__()
        self.network = copy.deepcopy(network)
        self.network.blocks = self.network.blocks[-blocks:]
        self.after = [getattr(self.network, name) for name in AFTER if hasattr(self.network, name)]
        for module in (self.network.blocks, *self.after):
            module.requires_grad_(True)
        self.eval()

    def forward(self, maps):
        for module in (*self.network.blocks, *self.after):
            maps = module(maps)
        return self.network.forward_head(maps, pre_logits=True)


class Linear(nn.Module):
    """A linear map of rows that starts as the identity."""

    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.eye(width))

    def forward(self, rows):
        return rows @ self.weight


@torch.no_grad()
def applied(module, inputs):
    """The rows of all inputs."""
    return torch.cat([module(some) for some in inputs.split(SCORED_AT_ONCE)])


def centered(rows):
    """Rows less their mean."""
    return rows - rows.mean(axis=0)


class Pictures:
    """Pictures as a network has them before its last blocks (`maps`) and before its classifier (`rows`)."""

    def __init__(self, encoder, blocks, images):
        network, maps, rows = getattr(encoder, "module", None), [], []
        if not hasattr(network, "blocks") or not hasattr(network, "forward_head"):
            raise SystemExit(f"{encoder.spec} must be a network of timm with `blocks`")
        caught = network.blocks[-blocks].register_forward_pre_hook(lambda block, given: maps.append(given[0]))
        with torch.no_grad():
            for some in np.array_split(np.arange(len(images)), -(-len(images) // 16)):
                batch = torch.stack([encoder.prepare(decode(images[k])) for k in some])
                rows.append(network.forward_head(network.forward_features(batch), pre_logits=True))
        caught.remove()
        self.maps, self.rows = torch.cat(maps), torch.cat(rows)
        again = applied(Tail(network, blocks), self.maps[:2])
        if not torch.allclose(again, self.rows[:2], rtol=1e-3, atol=1e-3):
            raise SystemExit(f"{encoder.spec} has other parts after its blocks than {', '.join(AFTER)}: add them")


def renumbered(triplets):
    """The objects that triplets name, ascending, and triplets of places among them."""
    objects, places = np.unique(triplets, return_inverse=True)
    return objects, places.reshape(-1, 3)


def parts_of(triplets, folds, seed):
    """Triplets to train on, to decide by and to test on, for each fold; no object is in two of them."""
    for fold in TripletKFold("objects", folds, seed).folds(triplets):
        others = triplets[fold.train]
        inner = next(TripletKFold("objects", 5, seed).folds(others))
        yield others[inner.train], others[inner.test], triplets[fold.test]


def trained(module, inputs, learn, decide, options):
    """The module after the pass over `learn` that is best on the objects of `decide`; the start counts as a pass."""
    objects, validation = renumbered(decide)
    watch = AlignmentEvery(1, validation, lambda now: centered(applied(now, inputs[objects])), ci=None)
    loss = TripletLoss("cosine", TEMPERATURE)
    optimizer = torch.optim.Adam([one for one in module.parameters() if one.requires_grad], lr=options.rate)
    batches = TripletBatches(learn, options.size, dense=True, seed=options.seed)
    best, state = watch(module).accuracy, copy.deepcopy(module.state_dict())
    for _ in range(options.passes):
        for images, triplets, _ in batches:
            optimizer.zero_grad()
            loss(centered(module(inputs[images])), triplets).backward()
            optimizer.step()
        accuracy = watch(module).accuracy
        if accuracy > best:
            best, state = accuracy, copy.deepcopy(module.state_dict())
    print(type(module).__name__, [round(one.accuracy, 3) for one in watch.history], flush=True)
    module.load_state_dict(state)
    return module


def probed(rows, learn, decide):
    """The map of `fit_probe` with the penalty that is best on the objects of `decide`."""
    objects, places = renumbered(learn)
    held, validation = renumbered(decide)
    maps = [
        pyalign.fit_probe(centered(rows[objects]), places, penalty=penalty, tolerance=1e-3).transform
        for penalty in PENALTIES
    ]
    return max(maps, key=lambda one: pyalign.score(
        one.apply(centered(rows[held])), validation, measure="dot", ci=None).accuracy)


def ways_of(pictures, learn, decide, encoder, options):
    """What each way makes of pictures: way -> function of `Pictures` that gives rows."""
    rows = pictures.rows
    probe = probed(rows.numpy(), learn, decide)
    linear = trained(Linear(rows.shape[1]), centered(rows), learn, decide, options)
    tail = trained(Tail(encoder.module, options.blocks), pictures.maps, learn, decide, options)
    found = {
        "frozen": lambda at, some: at.rows[some],
        "centered": lambda at, some: centered(at.rows[some]),
        "probe": lambda at, some: torch.as_tensor(probe.apply(centered(at.rows[some]).numpy())),
        "linear": lambda at, some: applied(linear, centered(at.rows[some])),
        "tuned": lambda at, some: centered(applied(tail, at.maps[some])),
    }
    classify = encoder.module.get_classifier()
    middle = rows.mean(axis=0)  # the classifier takes rows that are not centered
    scores = {
        "frozen": lambda at: classify(at.rows),
        "linear": lambda at: classify(applied(linear, at.rows - middle) + middle),
        "tuned": lambda at: classify(applied(tail, at.maps)),
    }
    return found, scores


def kept(after, before):
    """The share of the ten nearest neighbors, by the cosine, that were among them before."""
    k = min(10, len(before) - 1)
    return pyalign.neighborhoods(after, before=before, k=k, ci=None, n_permutations=0).results[0].kept


def run(options):
    """A row of the table for each way."""
    torch.manual_seed(options.seed)
    encoder = pyalign.load_encoder(options.model)
    source, triplets = pyalign.as_images("dataset:sample"), np.asarray(pyalign.load_triplets("dataset:sample").values)
    n = min(options.objects or len(source), len(source))
    triplets = triplets[(triplets < n).all(axis=1)].astype(np.int64)
    pictures = Pictures(encoder, options.blocks, [source.open(k) for k in range(n)])
    if options.photographs:
        with np.load(options.photographs) as file:
            judged, people = Pictures(encoder, options.blocks, file["images"]), file["behav_rdms"]
    if options.labeled:
        paths = sorted(options.labeled.glob("*_*.jpg"))
        labels = torch.tensor([int(path.stem.rpartition("_")[2]) for path in paths])
        known = Pictures(encoder, options.blocks, [path.read_bytes() for path in paths])
    held, tests = {way: np.ones((n, pictures.rows.shape[1]), np.float32) for way in WAYS}, []
    figures = {way: {"neighbors_kept": [], "photographs": [], "labeled": []} for way in WAYS}
    for learn, decide, test in parts_of(triplets, options.folds, options.seed):
        found, scores = ways_of(pictures, learn, decide, encoder, options)
        objects = np.unique(test)
        tests.append(test)
        for way, rows_of in found.items():
            rows = rows_of(pictures, objects).numpy()
            held[way][objects] = np.pad(rows, ((0, 0), (0, held[way].shape[1] - rows.shape[1])))
            figures[way]["neighbors_kept"].append(kept(rows, pictures.rows[objects].numpy()))
            if options.photographs:
                result = pyalign.rsa(rows_of(judged, slice(None)).numpy(), people, measure=WAYS[way], ci=None)
                figures[way]["photographs"].append(result.results[0].value)
            if options.labeled and way in scores:
                with torch.no_grad():
                    right = scores[way](known).argmax(dim=1) == labels
                figures[way]["labeled"].append(float(right.float().mean()))
    # Each object has the rows of the fold that held it out, and no triplet mixes folds: one paired comparison for all.
    result = pyalign.compare(held, np.concatenate(tests), measure=WAYS, baseline="tuned")
    pairs = {({pair.a, pair.b} - {"tuned"}).pop(): (pair, 1 if pair.a == "tuned" else -1) for pair in result.pairs}
    for way, model in zip(WAYS, result.models, strict=True):
        row = {"way": way, "measure": WAYS[way], "triplets": result.n_triplets, "accuracy": model.accuracy,
               "low": model.ci.low, "high": model.ci.high}
        if way in pairs:
            pair, sign = pairs[way]
            ends = sorted((sign * pair.ci.low, sign * pair.ci.high))
            row |= {"tuned_less_this": sign * pair.difference, "difference_low": ends[0], "difference_high": ends[1],
                    "p_adjusted": pair.p_adjusted}
        row |= {name: np.mean(values) for name, values in figures[way].items() if values}
        yield {name: f"{value:.4f}" if isinstance(value, float) else value for name, value in row.items()}


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="efficientnet-lite:0", help="its timm network must have `blocks`")
    parser.add_argument("--photographs", type=Path)
    parser.add_argument("--labeled", type=Path)
    parser.add_argument("--out", type=Path, default=Path("align_timm.csv"))
    for name, default in {"blocks": 1, "folds": 5, "passes": 5, "size": 48, "objects": 0, "seed": 0}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--rate", type=float, default=3e-4)
    rows = list(run(parser.parse_args(arguments)))
    with open(parser.parse_args(arguments).out, "w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, list(dict.fromkeys(name for row in reversed(rows[:1] + rows) for name in row)))
        table.writeheader()
        table.writerows(rows)


if __name__ == "__main__":
    torch.set_num_threads(int(os.environ.get("PYALIGN_NUM_THREADS", 2)))
    main()
