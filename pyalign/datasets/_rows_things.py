"""Rows of what is about the 1,854 objects of THINGS."""

from __future__ import annotations

from pyalign.datasets.row import COMPARED, Remote, Row

HEBART20 = "Hebart, Zheng, Pereira & Baker (2020), Nature Human Behaviour 4, 1173-1185"
HEBART23 = "Hebart, Contier, Teichmann et al. (2023), THINGS-data, eLife 12, e82580"
OSF = "https://osf.io/{}/download"
UNIQUE_ID = Remote(
    "unique_id.txt", OSF.format("2y463"), "sha256:e2e59d02197e89776034938e7a73940a0823cacac4b6084b56b1d8959816ff76"
)
NAMES_OF_THINGS = ("unique_id.txt", "the 1,854 objects, one per line, in the order by which all else numbers them")
NAMES = ("unique_id.txt", "things_concepts.tsv")  # either of them names the objects

ROWS = (
    Row(
        "things", "odd-one-out answers of people to triplets of 1,854 objects", "things",
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
        needs=(NAMES, (
            "triplets_large_final_correctednc_correctedorder.csv", "train_90.npy", "train_90.txt", "trainset.txt",
            "test_10.npy", "test_10.txt", "data1854_batch5_test10.txt", "validationset.txt", "correct_triplets.npy",
        )),
    ),
    Row(
        "things-concepts", "the objects of THINGS and their categories", "concepts",
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
        needs=(NAMES, (
            "things_concepts.tsv", "category27.tsv", "category27_manual.tsv", "category_mat_manual.tsv",
        )),
    ),
    Row(
        "spose49", "49 dimensions of the objects of THINGS (SPoSE)", "dimensions",
        {"embeddings": (), "dimensions": (), "names": ()},
        "https://osf.io/z2784/", "CC BY 4.0", HEBART20,
        (
            ("spose_embedding_49d_sorted.txt", "(1854, 49), from 0 up"),
            ("labels_49d.txt", "a label a line, where there are any"),
            NAMES_OF_THINGS,
        ),
        COMPARED, home="things",
        files=(Remote("spose_embedding_49d_sorted.txt", OSF.format("4pgk8")), UNIQUE_ID),
        needs=(NAMES, ("spose_embedding_49d_sorted.txt",)),
    ),
    Row(
        "spose66", "66 dimensions of the objects of THINGS (SPoSE, all answers)", "dimensions",
        {"embeddings": (), "dimensions": (), "names": ()},
        "https://osf.io/f5rn6/", "CC BY 4.0", HEBART23,
        (
            ("spose_embedding_66d_sorted.txt", "(1854, 66), from 0 up"),
            ("labels.txt", "a label a line; also spose_66d_labels.txt, labels_short.txt"),
            NAMES_OF_THINGS,
        ),
        COMPARED, home="things",
        files=(Remote("spose_embedding_66d_sorted.txt", OSF.format("nfbp3")), UNIQUE_ID),
        needs=(NAMES, ("spose_embedding_66d_sorted.txt",)),
    ),
    Row(
        "vice42", "42 dimensions of the objects of THINGS (VICE)", "dimensions",
        {"embeddings": (), "dimensions": (), "names": ()},
        "https://github.com/LukasMut/VICE", "GPL-3.0",
        "Muttenthaler, Zheng, McClure et al. (2022), VICE, NeurIPS 35",
        (
            ("final_embedding.npy", "(1854, 42), from 0 up; also vice_42d.npy"),
            ("vice_42d_labels.txt", "a label a line, where somebody has given some"),
            NAMES_OF_THINGS,
        ),
        COMPARED, home="things",
        needs=(NAMES, ("final_embedding.npy", "vice_42d.npy")),
    ),
    Row(
        "llm-things", "odd-one-out answers of language models about the objects of THINGS", "llm_things",
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
)  # fmt: skip
