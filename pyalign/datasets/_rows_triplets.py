"""Rows of triplets of other images than those of THINGS, and the sample."""

from __future__ import annotations

from pyalign.datasets.row import OURS, Remote, Row

ALIGNET = "Muttenthaler, Greff, Born et al. (2025), Nature, arXiv 2409.06509"
BUCKET = "https://perceptual-similarity.s3.us-west-2.amazonaws.com/dataset/{}"
CIFAR = Remote(
    "cifar-100-binary.tar.gz", "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",
    "md5:03b5dce01913d631647c71ecec9e9cb8", unpack=True,
)  # fmt: skip

ROWS = (
    Row(
        "cifar100-coarse", "triplets of CIFAR-100: two images of one coarse class and one of another", "cifar100",
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
        "alignet", "odd-one-out answers of a model to triplets of ImageNet", "alignet",
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
        "levels", "odd-one-out answers of people at three levels of abstraction, in the form of AligNet", "alignet",
        {"triplets": ("all",)},
        "https://gin.g-node.org/fborn/Dataset_Levels", "see there", ALIGNET,
        (("levels.npz", "as alignet_valid.npz"),),
        note="the files of the publishers could not be looked at: bring them into this form, or describe them in a "
             "dataset.toml",
        needs=(("levels.npz",),),
    ),
    Row(
        "nights", "which of two generated images is more like a third: votes of people", "nights",
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
        "bapps", "which of two distortions is more like a patch of an image: shares of people", "bapps",
        {"triplets": (
            "train", "val", "train/traditional", "train/cnn", "train/mix", "val/traditional", "val/cnn", "val/superres",
            "val/deblur", "val/color", "val/frameinterp", "train/majority",
            "val/majority",
         ), "images": ()},
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
        note="anchored triplets with votes, of 5 people (train: 2); what takes one answer each, such as score, "
             "takes val/majority. The training split is fetched by hand",
        needs=(tuple(
            f"{split}/{kind}/judge"
            for split, kinds in (("val", ("traditional", "cnn", "superres", "deblur", "color", "frameinterp")),
                                 ("train", ("traditional", "cnn", "mix")))
            for kind in kinds
        ),),
    ),
    Row(
        "sample", "the built-in sample: features of 411 pictures, and triplets of categories", "sample",
        {"triplets": (), "embeddings": (), "categories": (), "names": (), "images": ()},
        "part of pyalign", "see NOTICE.txt", "pyalign, docs/sample.md",
        (("embeddings.npy, triplets.npy, names.txt, subgroups.txt, images.tar", "as `pyalign sample` writes them"),),
        OURS, note="its triplets are categories of Unicode, no human judgments",
    ),
)  # fmt: skip
