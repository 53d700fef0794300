"""The data sets that are known by name: a row each, with what a reader should know before using it.

A module of this package reads a data set: a function for each part, ``part(place, key)`` or, say,
``king19_part(place, key)``, which checks counts, names and ranges. It is imported when it is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from pyalign._dataclass import dataclass
from pyalign.errors import Remedy

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
    """A data set."""

    name: str  # under which it is known, ``dataset:NAME``.
    what: str  # a phrase.
    module: str  # of this package, without its underscore, which reads it; after a colon: how its functions begin.
    # what it holds, with the keys of each; without a key the function decides, or says which there are.
    parts: Mapping[str, tuple[str, ...]]
    source: str  # where it is published.
    license: str  # as its publishers have it; "not stated" where they say nothing.
    citation: str  # a line.
    # the files that are expected, and what is in them; names of folders end in a slash.
    layout: tuple[tuple[str, str], ...]
    # how the layout is known: "compared" with the published files, "described" by public code or its own documentation,
    # "ours".
    checked: str = DESCRIBED
    files: tuple[Remote, ...] = ()  # what can be fetched.
    kind: str | None = None  # of judgments.
    home: str | None = None  # the data set in whose folder it is.
    note: str = ""  # what else to know.
    # the files and folders without which there is nothing to read: one of each group, by the paths that the reader
    # looks for.
    needs: tuple[tuple[str, ...], ...] = ()


# THINGS: 1,854 objects

HEBART20 = "Hebart, Zheng, Pereira & Baker (2020), Nature Human Behaviour 4, 1173-1185"
HEBART23 = "Hebart, Contier, Teichmann et al. (2023), THINGS-data, eLife 12, e82580"
STORED = Remedy("folder", like="path", of="load_dataset", shell="'pyalign datasets fetch NAME --folder DIR'")
OSF = "https://osf.io/{}/download"
UNIQUE_ID = Remote(
    "unique_id.txt", OSF.format("2y463"), "sha256:e2e59d02197e89776034938e7a73940a0823cacac4b6084b56b1d8959816ff76"
)
NAMES_OF_THINGS = ("unique_id.txt", "the 1,854 objects, one per line, in the order by which all else numbers them")
NAMES = ("unique_id.txt", "things_concepts.tsv")  # either of them names the objects

OF_THINGS = (
    Row(
        "things", "odd-one-out answers of people to triplets of 1,854 objects", "things",
        {"triplets": ("all", "train", "test", "validation", "correct"), "names": ()},
        "https://osf.io/f5rn6/", "CC BY 4.0", HEBART23,
        (
            ("triplets_large_final_correctednc_correctedorder.csv",
             "tab-separated; image1, image2, image3 and choice (1, 2, 3) count from 1; subject_id"),
            ("train_90.npy, test_10.npy or .txt",
             "splits of it, (t, 3) from 0, the odd item last; numbers of a .txt may be floats"),
            ("trainset.txt, validationset.txt, data1854_batch5_test10.txt",
             "the same, under other names; the last numbers objects by images (the raw order)"),
            NAMES_OF_THINGS,
        ),
        files=(
            Remote("triplets_large_final_correctednc_correctedorder.csv", OSF.format("h2smy"),
                   "sha256:68f2bbc330b17537881f81b1aa806fc2179b7accecc3a44d54fb25ae3de7f3e5"),
            UNIQUE_ID,
        ),
        note="without a key: the table, or train and test one after the other; splits of another tool may overlap",
        needs=(NAMES, (
            "triplets_large_final_correctednc_correctedorder.csv", "train_90.npy", "train_90.txt", "trainset.txt",
            "test_10.npy", "test_10.txt", "data1854_batch5_test10.txt", "validationset.txt", "correct_triplets.npy",
        )),
    ),
    Row(
        "things-concepts", "the objects of THINGS and their categories", "things",
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
        needs=(NAMES, ("things_concepts.tsv", "category27.tsv", "category27_manual.tsv", "category_mat_manual.tsv")),
    ),
    Row(
        "spose49", "49 dimensions of the objects of THINGS (SPoSE)", "things",
        {"embeddings": (), "dimensions": (), "names": ()},
        "https://osf.io/z2784/", "CC BY 4.0", HEBART20,
        (
            ("spose_embedding_49d_sorted.txt", "(1854, 49), from 0 up"),
            ("labels_49d.txt", "a label a line, where there are any"),
            NAMES_OF_THINGS,
        ),
        COMPARED, home="things",
        files=(Remote("spose_embedding_49d_sorted.txt", OSF.format("4pgk8"),
                      "sha256:b934fac338b803c5f87f60dfe1da90de8d62bacc346e74346a8428aa10cbe175"), UNIQUE_ID),
        needs=(NAMES, ("spose_embedding_49d_sorted.txt",)),
    ),
    Row(
        "spose66", "66 dimensions of the objects of THINGS (SPoSE, all answers)", "things",
        {"embeddings": (), "dimensions": (), "names": ()},
        "https://osf.io/f5rn6/", "CC BY 4.0", HEBART23,
        (
            ("spose_embedding_66d_sorted.txt", "(1854, 66), from 0 up"),
            ("labels.txt", "a label a line; also spose_66d_labels.txt, labels_short.txt"),
            NAMES_OF_THINGS,
        ),
        COMPARED, home="things",
        files=(Remote("spose_embedding_66d_sorted.txt", OSF.format("nfbp3"),
                      "sha256:6a485922fe22c10b2eb920140198488451d44ac6de0c6be5e8ee8eec8a2007cc"), UNIQUE_ID),
        needs=(NAMES, ("spose_embedding_66d_sorted.txt",)),
    ),
    Row(
        "vice42", "42 dimensions of the objects of THINGS (VICE)", "things",
        {"embeddings": (), "dimensions": (), "names": ()},
        "https://github.com/LukasMut/VICE", "GPL-3.0",
        "Muttenthaler, Zheng, McClure et al. (2022), VICE, NeurIPS 35",
        (
            ("final_embedding.npy", "(1854, 42), from 0 up, by images (the raw order); or vice_42d.npy, sorted"),
            ("vice_42d_labels.txt", "a label a line, where somebody has given some"),
            NAMES_OF_THINGS,
        ),
        COMPARED, home="things",
        needs=(NAMES, ("final_embedding.npy", "vice_42d.npy")),
    ),
    Row(
        "llm-things", "odd-one-out answers of language models about the objects of THINGS", "things:llm",
        {"triplets": ("chatgpt", "chatgpt/train", "chatgpt/test", "gemini", "gemini/train", "gemini/test")},
        "https://osf.io/qn5uv/", "see there",
        "Du, Fu, Wen et al. (2025), Nature Machine Intelligence 7, arXiv 2407.01067",
        (
            ("chatgpt3.5_things/train_90.txt, test_10.txt",
             "answers of ChatGPT-3.5: (t, 3) from 0, the odd item last; numbers may be floats"),
            ("gemini_pro_vision_things/train_90.txt, test_10.txt", "those of Gemini Pro Vision 1.0"),
            NAMES_OF_THINGS,
        ),
        note="no people: answers to compare with theirs; names come from the folder of things where it has none",
        needs=(("chatgpt3.5_things", "gemini_pro_vision_things"),),
    ),
)


# Judgments of pairs

SETS_OF_PETERSON = ("animals", "automobiles", "fruits", "furniture", "vegetables", "various")
OF_PAIRS = (
    Row(
        "kriegeskorte92", "dissimilarities of 92 photographed objects, by 16 people, with the photographs",
        "pair_judgments:kriegeskorte92",
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
        note="categories are only in the .npz, which was compared with the .mat files as public code reads them",
        needs=(("92_behavRDMs.mat", "kriegeskorte92_images_and_behaviour.npz"),),
    ),
    Row(
        "cichy118", "dissimilarities of 118 photographed objects, by people who arranged them",
        "pair_judgments:cichy118",
        {"judgments": (), "images": (), "names": ()},
        "https://doi.org/10.1016/j.neuroimage.2019.03.031", "not stated",
        "Cichy, Kriegeskorte, Jozwik et al. (2019), NeuroImage 194, 12-24",
        (
            ("sim_judgements/judgments_general.mat",
             "judgments: a matrix, or the pairs in a row, for each participant, along the first axis"),
            ("images/", "118 images; rows of the judgments are their names in plain order"),
        ),
        kind="dissimilarity",
        note="people arranged the images by shape, function, color and background too: this is the general file",
        needs=(("judgments_general.mat",),),
    ),
    Row(
        "king19", "dissimilarities of two sets of 144 photographs, by people who arranged them",
        "pair_judgments:king19",
        {"judgments": ("set1", "set2"), "images": ("set1", "set2"), "names": ()},
        "https://doi.org/10.1016/j.neuroimage.2019.04.079", "not stated",
        "King, Groen, Steel et al. (2019), NeuroImage 197, 368-382",
        (
            ("sim_judgements/BEHAVIOR.mat", "BEHAVIOR.set1.pairwisedistances: people by pairs; and set2"),
            ("images/set1/, images/set2/", "0001.jpg to 0144.jpg, in the order of the alphabet"),
            ("images/stimulus_category_labels.txt",
             "a header, then a line a row of the judgments; its last cell is the number of the image"),
        ),
        kind="dissimilarity",
        note="images in plain order are not the rows of the judgments: names are in the order of these",
        needs=(("BEHAVIOR.mat",),),
    ),
    Row(
        "peterson", "similarities of six sets of 120 images, rated from 0 to 10", "pair_judgments:peterson",
        {part: SETS_OF_PETERSON for part in ("judgments", "images", "names")},
        "https://github.com/jcpeterson/percept2vec", "not stated",
        "Peterson, Abbott & Griffiths (2018), Cognitive Science 42, 2648-2669",
        (
            ("animals/sim_judgements/*sim*.mat", "a matrix (120, 120) with 'sim' in its name; and so the other sets"),
            ("fruits/sim_judgements/*.pickle", "or a dict of lists of ratings by pairs 'i,j' that count from 1"),
            ("animals/images/", "120 images; rows of a .mat are in plain order of names, of a .pickle of numbers"),
        ),
        kind="similarity",
        note="ratings of a pair in both orders are one mean; code that adds both means counts such pairs twice",
        needs=(tuple(f"{category}/sim_judgements" for category in SETS_OF_PETERSON),),
    ),
)


# Triplets of other images, and the sample

ALIGNET = "Muttenthaler, Greff, Born et al. (2025), Nature, arXiv 2409.06509"
BUCKET = "https://perceptual-similarity.s3.us-west-2.amazonaws.com/dataset/{}"
CIFAR = Remote(
    "cifar-100-binary.tar.gz", "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",
    "md5:03b5dce01913d631647c71ecec9e9cb8", unpack=True,
)

KINDS_OF_BAPPS = (
    "train/traditional", "train/cnn", "train/mix", "val/traditional", "val/cnn", "val/superres", "val/deblur",
    "val/color", "val/frameinterp",
)

OF_OTHER_TRIPLETS = (
    Row(
        "cifar100-coarse", "triplets of CIFAR-100: two images of one coarse class and one of another",
        "other_triplets:cifar100",
        {part: ("train", "test") for part in ("triplets", "images", "categories", "names")},
        "https://www.cs.toronto.edu/~kriz/cifar.html", "not stated",
        "Krizhevsky (2009), Learning Multiple Layers of Features from Tiny Images; the task of Muttenthaler et al. "
        "(2023), ICLR",
        (
            ("train.bin, test.bin", "a record an image: coarse class, fine class, 3 x 1,024 bytes"),
            ("cifar-100-python/train, test", "or a pickle of coarse_labels and data (n, 3072)"),
            ("coarse_label_names.txt", "the 20 coarse classes"),
        ),
        files=(CIFAR,),
        note="50,000 triplets are drawn here, of the training images unless the key says test, as the script of "
             "human_alignment draws them (seed 0): images recur between triplets; no human judgments. Where the script "
             "pairs an image with itself, in some 20 triplets, the second image is drawn again",
        needs=(("train.bin", "test.bin", "cifar-100-python/train", "cifar-100-python/test", "train", "test"),),
    ),
    Row(
        "alignet", "odd-one-out answers of a model to triplets of ImageNet", "other_triplets:alignet",
        {"triplets": ("train", "valid", "train/soft", "valid/soft")},
        "https://github.com/google-deepmind/alignet", "CC BY 4.0", ALIGNET,
        (
            ("alignet_train.npz, alignet_valid.npz",
             "filenames (t, 3), indices (t, 3), similarities (t, 3) of pairs 01, 02, 12; the odd item last"),
        ),
        note="a teacher's answers, no people's; the soft ones, which the published code trains on, are the softmax of "
             "the similarities as they are. Whether the first two are the most similar pair is looked at, and "
             "where they are not a note says in how many triplets",
        needs=(("alignet_train.npz", "alignet_valid.npz"),),
    ),
    Row(
        "levels", "odd-one-out answers of people at three levels of abstraction, in the form of AligNet",
        "other_triplets:alignet",
        {"triplets": ("all",)},
        "https://gin.g-node.org/fborn/Dataset_Levels", "see there", ALIGNET,
        (("levels.npz", "as alignet_valid.npz"),),
        note="the files of the publishers could not be looked at: bring them into this form, or describe them in a "
             "dataset.toml",
        needs=(("levels.npz",),),
    ),
    Row(
        "nights", "which of two generated images is more like a third: votes of people", "two_alternatives:nights",
        {"triplets": ("train", "val", "test", "test_imagenet", "test_no_imagenet"), "images": ()},
        "https://dreamsim-nights.github.io/", "MIT (the code)",
        "Fu, Tamir, Sundaram et al. (2023), DreamSim, NeurIPS 36",
        (
            ("data.csv", "right_vote, votes, ref_path, left_path, right_path, is_imagenet, split, among others"),
            ("ref/, distort/", "images, by the paths in data.csv"),
        ),
        files=(Remote("nights.zip", "https://data.csail.mit.edu/nights/nights.zip", None, unpack=True),),
        note="anchored triplets: the reference, the image that was chosen, the other; tens of gigabytes",
        needs=(("data.csv",),),
    ),
    Row(
        "bapps", "which of two distortions is more like a patch of an image: votes of people", "two_alternatives:bapps",
        {"triplets": ("train", "val", *KINDS_OF_BAPPS, "train/majority", "val/majority"), "images": ()},
        "https://github.com/richzhang/PerceptualSimilarity", "BSD-2-Clause (the code)",
        "Zhang, Isola, Efros et al. (2018), CVPR",
        (
            ("2afc/val/cnn/ref/, p0/, p1/", "images of one name in each; and so the other kinds, and 2afc/train/"),
            ("2afc/val/cnn/judge/", "a .npy of one number each: the share that chose p1"),
        ),
        files=(
            Remote("twoafc_val.tar.gz", BUCKET.format("twoafc_val.tar.gz"),
                   "sha256:41486671b06de923e7ba277c4797d4d9d86d609863ba35ecdb576133f8b9d859", unpack=True),
        ),
        note="anchored triplets with votes, of 5 people (train: 2), scored as published (2AFC); what takes "
             "one answer each, such as compare, takes val/majority. The training split is fetched by hand",
        needs=(tuple(f"{kind}/judge" for kind in KINDS_OF_BAPPS),),
    ),
    Row(
        "sample", "the built-in sample: features of 411 pictures, and triplets of categories", "other_triplets:sample",
        {"triplets": (), "embeddings": (), "categories": (), "names": (), "images": ()},
        "part of pyalign", "see NOTICE.txt", "pyalign, docs/sample.md",
        (("embeddings.npy, triplets.npy, names.txt, subgroups.txt, images.tar", "as `datasets fetch sample` writes"),),
        OURS, note="its triplets are categories of Unicode, no human judgments",
    ),
)


DATASETS: dict[str, Row] = {row.name: row for row in (*OF_THINGS, *OF_PAIRS, *OF_OTHER_TRIPLETS)}
