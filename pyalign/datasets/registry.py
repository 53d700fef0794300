"""The data sets that are known by name: a row each, with what a person should know before using it.

A module of this package reads a data set: a function for each part, ``part(place, key)``, which checks counts, names
and ranges. It is imported when it is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

DESCRIBED, COMPARED, OURS = "described", "compared", "ours"


class Remote(NamedTuple):
    """A file that can be fetched.

    file: its name here. url: where it is. hash: "sha256:..." or "md5:...", as its publishers or others have recorded
    it; None: recorded at the first fetch. unpack: whether it is an archive of which the content is wanted.
    """

    file: str
    url: str
    hash: str | None = None
    unpack: bool = False


@dataclass(frozen=True)
class Row:
    """A data set.

    Attributes:
        name: under which it is known, ``dataset:NAME``.
        what: a phrase.
        module: of this package, which reads it.
        parts: what it holds, with the keys of each; without a key the function decides, or says which there are.
        source: where it is published.
        licence: as its publishers have it; "not stated" where they say nothing.
        citation: a line.
        layout: the files that are expected, and what is in them; names of folders end in a slash.
        checked: how the layout is known: "compared" with the published files, "described" by public code or its own
            documentation, "ours".
        files: what can be fetched.
        kind: of judgments.
        home: the data set in whose folder it lies.
        note: what else to know.
    """

    name: str
    what: str
    module: str
    parts: Mapping[str, tuple[str, ...]]
    source: str
    licence: str
    citation: str
    layout: tuple[tuple[str, str], ...]
    checked: str = DESCRIBED
    files: tuple[Remote, ...] = ()
    kind: str | None = None
    home: str | None = None
    note: str = ""


HEBART20 = "Hebart, Zheng, Pereira & Baker (2020), Nature Human Behaviour 4, 1173-1185"
HEBART23 = "Hebart, Contier, Teichmann et al. (2023), THINGS-data, eLife 12, e82580"
OSF = "https://osf.io/{}/download"
UNIQUE_ID = Remote(
    "unique_id.txt", OSF.format("2y463"), "sha256:e2e59d02197e89776034938e7a73940a0823cacac4b6084b56b1d8959816ff76"
)
NAMES_OF_THINGS = ("unique_id.txt", "the 1,854 objects, a line each, in the order by which all else numbers them")

_ROWS = (
    Row(
        "things", "odd-one-out answers of people to triplets of 1,854 objects", "_things",
        {"triplets": ("all", "train", "test", "validation", "correct"), "names": ()},
        "https://osf.io/f5rn6/", "CC BY 4.0", HEBART23,
        (
            ("triplets_large_final_correctednc_correctedorder.csv",
             "tab-separated; image1, image2, image3 and choice (1, 2, 3) count from 1; subject_id"),
            ("train_90.npy, test_10.npy or .txt",
             "splits of it, (t, 3) from 0, the odd item last; numbers of a .txt may be floats"),
            ("trainset.txt, validationset.txt, data1854_batch5_test10.txt", "the same, under other names"),
            NAMES_OF_THINGS,
        ),
        files=(
            Remote("triplets_large_final_correctednc_correctedorder.csv", OSF.format("h2smy"),
                   "sha256:68f2bbc330b17537881f81b1aa806fc2179b7accecc3a44d54fb25ae3de7f3e5"),
            UNIQUE_ID,
        ),
        note="without a key: the table, or train and test one after the other; splits of another tool may overlap",
    ),
    Row(
        "things-concepts", "the objects of THINGS and their categories", "_concepts",
        {"names": (), "categories": ("27", "manual", "wordnet", "raters")},
        "https://osf.io/jum2f/", "see there",
        "Hebart, Dickter, Kidder et al. (2019), THINGS, PLoS ONE 14, e0223792",
        (
            ("things_concepts.tsv", "a row an object: uniqueID, categories by people, WordNet and hand"),
            ("category27.tsv", "(1854, 27) of 0 and 1 under the names of categories; also category_mat_manual.tsv"),
            NAMES_OF_THINGS,
        ),
        COMPARED, home="things",
        files=(
            Remote("things_concepts.tsv", "https://raw.githubusercontent.com/ViCCo-Group/THINGSvision/master/data/files/"
                                          "things_concepts.tsv"),
            UNIQUE_ID,
        ),
    ),
    Row(
        "spose49", "49 dimensions of the objects of THINGS (SPoSE)", "_dimensions",
        {"embeddings": (), "dimensions": (), "names": ()},
        "https://osf.io/z2784/", "CC BY 4.0", HEBART20,
        (
            ("spose_embedding_49d_sorted.txt", "(1854, 49), from 0 up"),
            ("labels_49d.txt", "a label a line, where there are any"),
            NAMES_OF_THINGS,
        ),
        COMPARED, home="things",
        files=(Remote("spose_embedding_49d_sorted.txt", OSF.format("4pgk8")), UNIQUE_ID),
    ),
    Row(
        "spose66", "66 dimensions of the objects of THINGS (SPoSE, all answers)", "_dimensions",
        {"embeddings": (), "dimensions": (), "names": ()},
        "https://osf.io/f5rn6/", "CC BY 4.0", HEBART23,
        (
            ("spose_embedding_66d_sorted.txt", "(1854, 66), from 0 up"),
            ("labels.txt", "a label a line; also spose_66d_labels.txt, labels_short.txt"),
            NAMES_OF_THINGS,
        ),
        COMPARED, home="things",
        files=(Remote("spose_embedding_66d_sorted.txt", OSF.format("nfbp3")), UNIQUE_ID),
    ),
    Row(
        "vice42", "42 dimensions of the objects of THINGS (VICE)", "_dimensions",
        {"embeddings": (), "dimensions": (), "names": ()},
        "https://github.com/LukasMut/VICE", "GPL-3.0",
        "Muttenthaler, Zheng, McClure et al. (2022), VICE, NeurIPS 35",
        (
            ("final_embedding.npy", "(1854, 42), from 0 up; also vice_42d.npy"),
            ("vice_42d_labels.txt", "a label a line, where somebody has given some"),
            NAMES_OF_THINGS,
        ),
        COMPARED, home="things",
    ),
    Row(
        "kriegeskorte92", "dissimilarities of 92 photographed objects, by 16 people, with the photographs",
        "_kriegeskorte92",
        {"judgments": (), "images": (), "categories": (), "names": ()},
        "https://github.com/rsagroup/rsatoolbox/tree/main/demos/92imageData", "MIT (the toolbox)",
        "Mur, Meys, Bodurka et al. (2013), Frontiers in Psychology 4, 128; Kriegeskorte, Mur, Ruff et al. (2008), "
        "Neuron 60, 1126-1141",
        (
            ("92_behavRDMs.mat", "a struct array rdms_behav_92 of 16 people, field RDM (92, 92)"),
            ("Kriegeskorte_Neuron2008_supplementalData.mat",
             "a struct array stimuli_92objs, field image (175, 175, 3)"),
            ("kriegeskorte92_images_and_behaviour.npz",
             "or both in one: behav_rdms (16, 92, 92), images (92, 175, 175, 3), category (92,)"),
        ),
        kind="dissimilarity",
        files=tuple(
            Remote(file, f"https://raw.githubusercontent.com/rsagroup/rsatoolbox/main/demos/92imageData/{file}")
            for file in ("92_behavRDMs.mat", "Kriegeskorte_Neuron2008_supplementalData.mat")
        ),
        note="categories are in the .npz alone; compared with it, the .mat files as public code reads them",
    ),
    Row(
        "sample", "the built-in sample: features of 411 pictures, and triplets of categories", "_sample",
        {"triplets": (), "embeddings": (), "categories": (), "names": ()},
        "part of pyalign", "see NOTICE.txt", "pyalign, docs/sample.md",
        (("embeddings.npy, triplets.npy, names.txt, subgroups.txt", "as `pyalign sample` writes them"),),
        OURS, note="its triplets are categories of Unicode, no human judgments",
    ),
)  # fmt: skip

DATASETS: dict[str, Row] = {row.name: row for row in _ROWS}
