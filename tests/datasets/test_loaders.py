"""Each loader reads files of the layout that its row documents, with every trap of the real ones, and checks them."""

from __future__ import annotations

import numpy as np
import pytest
from support import draw_triplets, reals

import pyalign
from pyalign.datasets import load_dataset, things_order, things_rows
from pyalign.datasets._things import TABLE
from pyalign.datasets.dataset import DataSet
from pyalign.errors import InputError
from pyalign.io import load_rdms, load_triplets

TRIPLETS = draw_triplets(1, 1854, 500)


@pytest.fixture(autouse=True)
def complete(monkeypatch):
    """Of a data set whose answers, judgments or dimensions were read, `lacking` must miss nothing."""
    whole = DataSet.open

    def checked(self, part, key=None, layout=None):
        found = whole(self, part, key, layout)
        if part in ("triplets", "judgments", "embeddings"):
            assert self.lacking() == ()
        return found

    monkeypatch.setattr(DataSet, "open", checked)


def write_table(folder, triplets, odd, people=None, separator="\t"):
    """The published table: everything from 1, the place of the odd item in a column of its own, more columns beside."""
    header = ["image1", "image2", "image3", "choice", "RT", *(["subject_id"] if people is not None else [])]
    lines = [separator.join(header)]
    for k, row in enumerate(triplets):
        cells = [*(row + 1), odd[k] + 1, 1200 + k, *([people[k]] if people is not None else [])]
        lines.append(separator.join(map(str, cells)))
    (folder / TABLE).write_text("\n".join(lines) + "\n")


# THINGS


@pytest.mark.parametrize("separator", ["\t", ","])
def test_the_table_counts_from_1_and_has_the_odd_item_anywhere(things, objects, separator):
    odd = np.arange(500) % 3
    people = [f"W{k % 9}" for k in range(500)]
    write_table(things, TRIPLETS, odd, people, separator)
    found = load_triplets("dataset:things")
    assert found.names == objects and found.numbered and found.subjects.labels == tuple(f"W{k}" for k in range(9))
    np.testing.assert_array_equal(found.values[:, 2], TRIPLETS[np.arange(500), odd])
    np.testing.assert_array_equal(np.sort(found.values, axis=1), np.sort(TRIPLETS, axis=1))
    assert "holds 500 answers; the published one has 4,699,160" in found.notes[0]


def test_a_table_with_choices_1_and_2_alone_is_not_asked_about(things):
    write_table(things, TRIPLETS, np.arange(500) % 2)
    assert load_triplets("dataset:things").values[0, 2] == TRIPLETS[0, 0]


def test_splits_are_from_0_as_numbers_or_as_text_of_floats(things):
    np.save(things / "train_90.npy", TRIPLETS[:400].astype(np.float64))
    np.savetxt(things / "test_10.txt", TRIPLETS[400:])  # 1.853000000000000000e+03
    found = load_triplets("dataset:things")
    np.testing.assert_array_equal(found.values, TRIPLETS)
    np.testing.assert_array_equal(load_triplets("dataset:things", key="train").values, TRIPLETS[:400])
    np.testing.assert_array_equal(load_triplets("dataset:things", key="test").values, TRIPLETS[400:])
    assert load_triplets("dataset:things", key="test").source == "dataset:things::test"


def test_a_split_that_counts_from_1_is_told(things, message_of):
    everything = np.column_stack([np.arange(1854), np.roll(np.arange(1854), 1), np.roll(np.arange(1854), 2)])
    np.save(things / "train_90.npy", everything + 1)
    told = message_of(load_triplets, "dataset:things", key="train")
    assert told == (
        "dataset:things: triplets must number objects from 0 to 1,853; got 1 to 1854; does the file count from 1?"
    )


def test_items_that_meet_themselves_and_missing_files_are_told(things, message_of):
    assert f"has no {TABLE}" in message_of(load_triplets, "dataset:things")
    assert "has no validationset.txt" in message_of(load_triplets, "dataset:things", key="validation")
    np.save(things / "train_90.npy", np.array([[1, 2, 3], [4, 4, 5]]))
    told = message_of(load_triplets, "dataset:things", key="train")
    assert told.endswith("the three items of a triplet must differ; row 1 (from 0) is [4, 4, 5]")
    (things / "unique_id.txt").write_text("a\nb\n")
    assert "must name 1,854 different objects; got 2 in 2" in message_of(load_triplets, "dataset:things", key="train")


def test_rows_in_raw_order_are_matched_by_name(things, objects):
    np.save(things / "test_10.npy", TRIPLETS)
    x = reals(3, 1854, 5)
    raw = things_order("raw", objects)
    assert raw != objects
    place = {name: k for k, name in enumerate(objects)}
    mixed = pyalign.Embeddings(x[[place[name] for name in raw]], raw)
    triplets = load_triplets("dataset:things", key="test")
    assert pyalign.score(mixed, triplets).accuracy == pyalign.score(x, TRIPLETS).accuracy
    assert pyalign.score(mixed.values, TRIPLETS).accuracy != pyalign.score(x, TRIPLETS).accuracy


def test_concepts_have_categories_some_several(things, objects):
    (things / "unique_id.txt").unlink()
    header = ["Word", "uniqueID", "Bottom-up Category (Human Raters)", "Top-down Category (WordNet)",
              "Top-down Category (manual selection)", "Definition"]
    cells = [[name, name, "animal", "", "food, fruit" if k % 2 else "tool", '"a 5"" nail, quoted"']
             for k, name in enumerate(objects)]
    (things / "things_concepts.tsv").write_text("\n".join("\t".join(row) for row in [header, *cells]))
    found = load_dataset("things-concepts")
    manual = found.categories("manual")
    assert manual.labels == ("food", "fruit", "tool") and manual.names == found.names() == objects
    np.testing.assert_array_equal(manual.members[:2], [[False, False, True], [True, True, False]])
    assert found.categories("raters").labels == ("animal",)
    table = np.eye(27, dtype=int)[np.arange(1854) % 27]
    lines = ["\t".join(f"category {k}" for k in range(27)), *("\t".join(map(str, row)) for row in table)]
    (things / "category27.tsv").write_text("\n".join(lines) + "\n")
    assert found.categories().labels[26] == "category 26"


def test_dimensions_have_names_of_rows_and_of_columns(things, objects, message_of):
    x = np.abs(reals(1, 1854, 49))
    lines = [" ".join(f"{value:.9f}" for value in row) + " " for row in x]  # with a blank at the end, as published
    (things / "spose_embedding_49d_sorted.txt").write_text("\n".join(lines) + "\n")
    (things / "labels_49d.txt").write_text("\n".join(f"dimension {k}" for k in range(49)))
    found = load_dataset("spose49")
    assert found.embeddings().names == objects and found.embeddings().shape == (1854, 49)
    assert found.dimensions()[48] == "dimension 48"
    np.save(things / "vice_42d.npy", x[:, :42] - 1)
    assert "must not be below -0.01" in message_of(load_dataset("vice42").embeddings)
    np.save(things / "vice_42d.npy", x)
    assert "must have shape (1854, 42); got (1854, 49)" in message_of(load_dataset("vice42").embeddings)
    (things / "labels_49d.txt").write_text("one\n")
    assert "49 labels of dimensions; got 1" in message_of(found.dimensions)


def test_the_real_files_are_read(root, data):
    found = load_dataset("things-concepts", data / "things")
    assert found.names()[0] == "aardvark" and found.categories().members.shape == (1854, 27)
    assert found.categories().members.any(axis=1).sum() == found.categories("manual").members.any(axis=1).sum() == 1295
    assert load_dataset("spose66", data / "things").dimensions()[0] == "metallic/artificial"


@pytest.mark.parametrize("renamed", [False, True])
def test_rows_of_vice_as_published_are_put_into_the_order_of_the_names(things, data, renamed):
    """VICE numbers the objects by their images, ``sorted(id + ".jpg")``; 21 of them had the rows of others."""
    (things / "unique_id.txt").write_bytes((data / "things/unique_id.txt").read_bytes())
    names = (data / "things/unique_id.txt").read_text().split()
    x = np.load(data / "things/vice_42d.npy")
    published = x[things_rows("sorted", "raw", names)]
    np.save(things / ("dims.npy" if renamed else "final_embedding.npy"), published)
    if renamed:
        files = '"final_embedding.npy" = "dims.npy"\n"unique_id.txt" = "unique_id.txt"\n'
        (things / "dataset.toml").write_text(f'dataset = "vice42"\n[files]\n{files}')
    found = load_dataset(things if renamed else "vice42").embeddings()
    assert found.names == tuple(names) and (published != x).any(axis=1).sum() == 21
    np.testing.assert_array_equal(found.values, x)
    answers = np.load(data / "things/human_triplets_127304.npy")[:, :3].astype(np.int32)
    moved = np.flatnonzero(things_rows("sorted", "raw", names) != np.arange(1854))
    theirs = answers[np.isin(answers, moved).any(axis=1)]
    triplets = pyalign.Triplets(theirs, tuple(names), numbered=True)
    accuracy = pyalign.score(found, triplets, measure="dot", ci=None).accuracy
    assert (len(theirs), round(100 * accuracy, 1)) == (4311, 61.4)


def test_the_test_set_of_2020_numbers_objects_by_their_images(things, objects):
    """Its authors say so (make_figures_behavsim.m), and that the table of 2023 was corrected."""
    raw = things_rows("raw", "sorted", objects)[TRIPLETS]  # the same answers as it numbers them
    np.savetxt(things / "data1854_batch5_test10.txt", raw, fmt="%d")
    np.save(things / "train_90.npy", TRIPLETS)
    assert load_triplets("dataset:things", key="test").names == objects
    np.testing.assert_array_equal(load_triplets("dataset:things", key="test").values, TRIPLETS)
    np.testing.assert_array_equal(load_triplets("dataset:things").values, np.concatenate([TRIPLETS, TRIPLETS]))


def test_answers_of_language_models_are_read_by_model(root, things, objects, message_of):
    folder = root / "llm-things"
    for model in ("chatgpt3.5_things", "gemini_pro_vision_things"):
        (folder / "data" / model).mkdir(parents=True)
        np.savetxt(folder / "data" / model / "train_90.txt", TRIPLETS[:300])
        np.savetxt(folder / "data" / model / "test_10.txt", TRIPLETS[300:], fmt="%d")
    assert load_triplets("dataset:llm-things", key="chatgpt").names == objects  # those of the folder of things
    np.testing.assert_array_equal(load_triplets("dataset:llm-things", key="gemini").values, TRIPLETS)
    np.testing.assert_array_equal(load_triplets("dataset:llm-things", key="gemini/test").values, TRIPLETS[300:])
    assert "choose one: dataset:llm-things::chatgpt" in message_of(load_triplets, "dataset:llm-things")
    (things / "unique_id.txt").unlink()
    assert load_triplets("dataset:llm-things", key="chatgpt").names is None


# Judgments of pairs


@pytest.fixture
def matlab():
    return pytest.importorskip("scipy.io", reason="scipy is not installed")


def rdms(seed, people, n):
    values = np.abs(reals(seed, people, n, n, dtype=np.float64))
    values = values + values.transpose(0, 2, 1)
    values[:, np.arange(n), np.arange(n)] = 0
    return values


def write_images(folder, names):
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).write_bytes(b"")


@pytest.mark.parametrize("condensed", [False, True])
def test_cichy118_is_a_matrix_for_each_person_or_their_pairs(tmp_path, matlab, condensed, message_of):
    values = rdms(1, 5, 118)
    above = values[(slice(None), *np.triu_indices(118, 1))]
    folder = tmp_path / "sim_judgements"
    folder.mkdir()
    matlab.savemat(folder / "judgments_general.mat", {"judgments": above if condensed else values})
    write_images(tmp_path / "images", [f"{k + 1:03}.jpg" for k in range(118)])
    found = load_dataset("cichy118", tmp_path).judgments()
    assert (found.kind, found.n, found.n_people, found.names[117]) == ("dissimilarity", 118, 5, "118.jpg")
    np.testing.assert_array_equal(found.pairs(), above)
    (tmp_path / "images/118.jpg").unlink()
    assert "there must be 118 images" in message_of(load_dataset("cichy118", tmp_path).judgments)
    matlab.savemat(folder / "judgments_general.mat", {"judgments": values[:, :117, :117]})
    assert "judgments must be of 118 objects; got 117" in message_of(load_dataset("cichy118", tmp_path).judgments)


def test_king19_lies_in_structs_and_its_rows_are_not_the_images_in_plain_order(tmp_path, matlab, message_of):
    sets = {f"set{k}": rdms(k, 4, 144)[(slice(None), *np.triu_indices(144, 1))] for k in (1, 2)}
    folder = tmp_path / "sim_judgements"
    folder.mkdir()
    behavior = {name: {"pairwisedistances": pairs, "note": "text"} for name, pairs in sets.items()}
    matlab.savemat(folder / "BEHAVIOR.mat", {"BEHAVIOR": behavior}, do_compression=True)
    order = np.random.default_rng(0).permutation(144) + 1
    lines = ["category,label,alphorder", *(f"thing,{k},{number}" for k, number in enumerate(order))]
    for k in (1, 2):
        write_images(tmp_path / f"images/set{k}", [f"{number:04}.jpg" for number in range(1, 145)])
    (tmp_path / "images/stimulus_category_labels.txt").write_text("\n".join(lines) + "\n")
    data_set = load_dataset("king19", tmp_path)
    found = data_set.judgments("set2")
    assert (found.kind, found.n_people, found.names[0]) == ("dissimilarity", 4, f"{order[0]:04}.jpg")
    np.testing.assert_array_equal(found.pairs(), sets["set2"])
    images = pyalign.as_images(data_set.images("set2").source)
    assert images.names != found.names and set(images.names) == set(found.names)
    assert "choose one: dataset:king19::set1, dataset:king19::set2" in message_of(data_set.judgments)
    (tmp_path / "images/stimulus_category_labels.txt").write_text("\n".join(lines[:-1]))
    assert "must number 144 images" in message_of(data_set.judgments, "set1")


def test_peterson_is_a_matrix_of_similarities(tmp_path, matlab, message_of):
    values = np.round(10 * np.random.default_rng(1).random((120, 120)), 3)
    values = (values + values.T) / 2
    for name in ("animals", "various"):
        (tmp_path / name / "sim_judgements").mkdir(parents=True)
        write_images(tmp_path / name / "images", [f"{name}_{k:03}.png" for k in range(120)])
    matlab.savemat(tmp_path / "animals/sim_judgements/turkSim.mat", {"simMatrix": values, "other": np.eye(3)})
    data_set = load_dataset("peterson", tmp_path)
    found = data_set.judgments("animals")
    assert (found.kind, found.n, found.names[119]) == ("similarity", 120, "animals_119.png")
    np.testing.assert_array_equal(found.pairs()[0], values[np.triu_indices(120, 1)])
    assert "has no *sim*.mat and no *.pickle" in message_of(data_set.judgments, "various")
    assert "choose one: dataset:peterson::animals" in message_of(data_set.judgments)
    matlab.savemat(tmp_path / "animals/sim_judgements/turkSim.mat", {"simMatrix": values * 2})
    assert "ratings must lie between 0 and 10" in message_of(data_set.judgments, "animals")


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_peterson_ratings_in_both_orders_are_one_mean_by_the_numbers_of_images(tmp_path, protocol, message_of):
    import pickle

    rng = np.random.default_rng(2)
    names = [f"{k}.jpg" for k in range(1, 121)]  # 10.jpg stands before 2.jpg in plain order
    expected, ratings = np.full((120, 120), np.nan), {}
    for i in range(120):
        for j in range(i + 1, 120):
            both = rng.random() < 0.3
            first, second = rng.integers(0, 11, 3).tolist(), rng.integers(0, 11, 2).tolist() if both else []
            ratings[f"fruit{i + 1}.jpg,fruit{j + 1}.jpg"] = first
            if both:
                ratings[f"fruit{j + 1}.jpg,fruit{i + 1}.jpg"] = second
            expected[i, j] = expected[j, i] = np.mean(first + second)
    folder = tmp_path / "fruits"
    (folder / "sim_judgements").mkdir(parents=True)
    write_images(folder / "images", names)
    path = folder / "sim_judgements/fruits_mturkRESULTS_all.pickle"
    path.write_bytes(pickle.dumps(ratings, protocol))
    found = load_dataset("peterson", tmp_path).judgments("fruits")
    np.testing.assert_allclose(found.pairs()[0], expected[np.triu_indices(120, 1)], rtol=1e-15)
    assert found.kind == "similarity" and found.names == tuple(names)
    for wrong, told in (({"1,2": "x"}, "must be numbers"), ({"1,500": [1]}, "numbers from 1 to 120"), ([1], "a dict")):
        path.write_bytes(pickle.dumps(wrong, protocol))
        assert told in message_of(load_dataset("peterson", tmp_path).judgments, "fruits")


# Triplets of other images


def write_cifar(folder, split, n, coarse, python=False):
    pixels = np.random.default_rng(3).integers(0, 256, (n, 3072), np.uint8)
    folder.mkdir(parents=True, exist_ok=True)
    if python:
        import pickle

        held = {"coarse_labels": coarse.tolist(), "fine_labels": (coarse * 5).tolist(), "data": pixels,
                "filenames": [f"f{k}.png" for k in range(n)]}
        (folder / split).write_bytes(pickle.dumps(held, 2))
    else:
        classes = np.column_stack([coarse, coarse * 5]).astype(np.uint8)
        np.hstack([classes, pixels]).tofile(folder / f"{split}.bin")
    return pixels


@pytest.mark.parametrize("python", [False, True])
def test_cifar100_triplets_are_two_of_a_coarse_class_and_one_of_another(root, python, message_of):
    coarse = np.random.default_rng(4).permutation(np.arange(10_000) % 20)
    folder = root / "cifar100-coarse" / ("cifar-100-python" if python else "cifar-100-binary")
    pixels = write_cifar(folder, "test", 10_000, coarse, python)
    found = load_triplets("dataset:cifar100-coarse", key="test")
    a, b, odd = coarse[found.values].T
    assert found.shape == (50_000, 3) and (a == b).all() and (a != odd).all()
    assert all((found.values[:, i] != found.values[:, j]).all() for i, j in ((0, 1), (0, 2), (1, 2)))
    assert len(set(a.tolist())) == 20 and found.names[7] == "test_00007"
    images = pyalign.as_images("dataset:cifar100-coarse::test")
    np.testing.assert_array_equal(images.open(5), pixels[5].reshape(3, 32, 32).transpose(1, 2, 0))
    categories = load_dataset("cifar100-coarse").categories("test")
    np.testing.assert_array_equal(categories.members.argmax(axis=1), coarse)
    assert "has no train.bin" in message_of(load_triplets, "dataset:cifar100-coarse")


def test_cifar100_has_50000_triplets_of_the_training_images_without_any_option(root):
    coarse = np.arange(50_000) // 3 % 20
    (root / "cifar100-coarse").mkdir(parents=True)
    rows = np.memmap(root / "cifar100-coarse" / "train.bin", np.uint8, "w+", shape=(50_000, 3074))  # black images
    rows[:, 0], rows[:, 1] = coarse, 5 * coarse
    rows.flush()
    found = load_triplets("dataset:cifar100-coarse")
    assert found.shape == (50_000, 3) and len(found.names) == 50_000 and found.names[7] == "train_00007"
    assert len(np.unique(found.values)) > 0.9 * 50_000 and np.bincount(found.values.ravel()).max() > 1
    told = "the 50,000 triplets are drawn from coarse classes as the script of human_alignment draws them (seed 0)"
    assert told in found.notes[0] and "images recur between triplets; no human judgments" in found.notes[0]
    assert len(load_dataset("cifar100-coarse").names()) == 50_000
    (root / "cifar100-coarse" / "train.bin").unlink()  # 154 MB


def test_the_draw_is_that_of_the_published_script_but_for_images_paired_with_themselves():
    from pyalign.datasets._other_triplets import draw

    labels = np.arange(50_000) // 3 % 20  # what follows is what the script has given for these, at seed 0
    found = draw(labels, 50_000, 0)
    np.testing.assert_array_equal(found[:3], [[14300, 1098, 38603], [41683, 25542, 29254], [12553, 45913, 1016]])
    np.testing.assert_array_equal(found[-3:], [[39016, 7396, 43454], [20157, 29637, 3941], [38809, 25908, 4424]])
    np.testing.assert_array_equal(found.sum(axis=0)[[0, 2]], [1253030172, 1245414831])
    twice = (
        "1726 3807 8659 10272 12654 13710 17492 22331 22701 23166 23718 24062 28450 30032 35602 38619 39745 42853 44015"
    )
    again = np.array([*twice.split(), "44472", "49713"], int)  # rows in which the script has an image twice
    assert found[again, 0].sum() == 545684
    assert (found[again, 0] != found[again, 1]).all()
    np.testing.assert_array_equal(labels[found[again, 0]], labels[found[again, 1]])
    rest = np.delete(found[:, 1], again)
    assert rest.sum() == 1251079662


def test_cifar100_of_another_size_is_refused(root, message_of):
    folder = root / "cifar100-coarse"
    write_cifar(folder, "train", 10, np.arange(10) % 20)
    assert "must hold 50,000 images; got 10" in message_of(load_triplets, "dataset:cifar100-coarse")
    (folder / "train.bin").write_bytes(bytes(100))
    assert "must have 3074 bytes for each image" in message_of(load_triplets, "dataset:cifar100-coarse")


@pytest.mark.parametrize("labels", [[0, 0, 0], [0, 0, 1], []])
def test_a_draw_needs_two_classes_of_two_items(labels):
    from pyalign.datasets._other_triplets import draw

    with pytest.raises(InputError, match="labels must have two classes at least, and each two items"):
        draw(np.array(labels, int), 3, 0)


def write_alignet(path, indices, similarities):
    names = np.array([f"n{k:08}.JPEG" for k in range(int(indices.max()) + 1)])
    np.savez_compressed(path, filenames=names[indices], indices=indices, similarities=similarities)


@pytest.mark.parametrize("name", ["alignet", "levels"])
def test_alignet_is_named_by_files_and_its_most_similar_pair_is_looked_at(root, name, message_of):
    folder = root / name
    folder.mkdir(parents=True)
    path = folder / ("alignet_valid.npz" if name == "alignet" else "levels.npz")
    indices = draw_triplets(5, 60, 40) * 7
    similarities = -np.sort(-np.random.default_rng(5).random((40, 3)), axis=1)
    write_alignet(path, indices, similarities)
    found = load_triplets(f"dataset:{name}")
    assert found.notes == () and found.answered
    named = np.array(found.names)[found.values]
    np.testing.assert_array_equal(named, np.array([[f"n{k:08}.JPEG" for k in row] for row in indices]))
    similarities[3] = 0.5, 0.9, 0.1  # s12 is below the others, as documented, and s01 is not the largest
    write_alignet(path, indices, similarities)
    assert "in 1 of 40 triplets (first 3, from 0)" in load_triplets(f"dataset:{name}").notes[0]
    np.savez(path, filenames=named, indices=indices)
    assert "it has no similarities" in message_of(load_triplets, f"dataset:{name}")
    np.savez(path, filenames=named, indices=indices, similarities=similarities * np.nan)
    assert "similarities must be finite" in message_of(load_triplets, f"dataset:{name}")


def test_soft_answers_of_alignet_are_those_that_its_training_code_takes(root):
    """softmax of the similarities as they are, of the pairs 01, 02, 12: that of 12 is the share of position 0."""
    (root / "alignet").mkdir(parents=True)
    rng = np.random.default_rng(6)
    indices, similarities = draw_triplets(6, 60, 40), -np.sort(-rng.normal(size=(40, 3)) * 5, axis=1)
    write_alignet(root / "alignet" / "alignet_valid.npz", indices, similarities)
    soft, hard = load_triplets("dataset:alignet", key="valid/soft"), load_triplets("dataset:alignet", key="valid")
    np.testing.assert_array_equal(soft.values, hard.values)
    pairs = np.exp(similarities) / np.exp(similarities).sum(axis=1, keepdims=True)
    assert hard.answers is None and soft.answers.kind == "shares"
    np.testing.assert_allclose(soft.answers.shares, np.stack([pairs[:, 2], pairs[:, 1], pairs[:, 0]], axis=1))
    x = pyalign.Embeddings(rng.normal(size=(60, 4)), [f"n{k:08}.JPEG" for k in range(60)])
    assert pyalign.calibrate(x, soft, split=None).answers == "shares"


@pytest.mark.parametrize(
    "answers,message",
    [
        ([[0.5, 0.6, -0.1]], "answers must not be negative; row 0 is [0.5, 0.6, -0.1]"),
        ([[0.5, 0.5, np.nan]], "answers must be finite; row 0 is [0.5, 0.5, nan]"),
        (
            [[0.5, 0.5, 0.1]],
            "answers must be counts (whole numbers) or shares that sum to 1 in each row; row 0 sums to ",
        ),
    ],
)
def test_soft_answers_of_ones_own_are_refused_in_one_line(message_of, answers, message):
    triplets = pyalign.Triplets(np.array([[0, 1, 2]]), ("a.JPEG", "b.JPEG", "c.JPEG"))
    assert message_of(triplets.with_answers, answers).startswith(message)


NIGHTS = """id,left_vote,right_vote,votes,ref_path,left_path,right_path,prompt,is_imagenet,split
0,1,0,8,ref/000/000.png,distort/000/000_0.png,distort/000/000_1.png,"a cat, sitting",True,test
1,0,1,6,ref/000/001.png,distort/000/001_0.png,distort/000/001_1.png,dog,False,test
2,0,1,5,ref/000/002.png,distort/000/002_0.png,distort/000/002_1.png,dog,False,test
3,1,0,7,ref/000/003.png,distort/000/003_0.png,distort/000/003_1.png,dog,False,train
4,0.25,0.75,8,ref/000/004.png,distort/000/004_0.png,distort/000/004_1.png,dog,False,val
"""


def test_nights_are_anchored_triplets_and_those_with_few_votes_are_left_out(root, message_of):
    folder = root / "nights" / "nights"
    folder.mkdir(parents=True)
    (folder / "data.csv").write_text(NIGHTS)
    found = load_triplets("dataset:nights")
    assert found.task == "anchored" and found.answers is None
    assert [[found.names[k] for k in row] for row in found.values] == [
        ["ref/000/000.png", "distort/000/000_0.png", "distort/000/000_1.png"],
        ["ref/000/001.png", "distort/000/001_1.png", "distort/000/001_0.png"],
    ]
    assert "1 triplets have fewer than 6 votes" in found.notes[-1]
    assert len(load_triplets("dataset:nights", key="test_imagenet")) == 1
    assert len(load_triplets("dataset:nights", key="test_no_imagenet", task="anchored")) == 1
    soft = load_triplets("dataset:nights", key="val")
    np.testing.assert_array_equal(soft.answers.shares, [[0.75, 0.25]])
    np.testing.assert_array_equal(soft.columns_in_file(soft.answers.shares), [[0.25, 0.75]])
    (folder / "data.csv").write_text(NIGHTS.replace("0.75", "75"))
    assert "votes must be shares from 0 to 1; row 0 (from 0) has 75" in message_of(
        load_triplets, "dataset:nights", key="val"
    )
    (folder / "data.csv").write_text(NIGHTS.replace("right_vote", "votes_right"))
    assert "has no column 'right_vote' of right_vote, votes, ref_path" in message_of(load_triplets, "dataset:nights")


def write_bapps(folder, kind, votes):
    for side in ("ref", "p0", "p1"):
        write_images(folder / kind / side, [f"{k:06}.png" for k in range(len(votes))])
    (folder / kind / "judge").mkdir()
    for k, vote in enumerate(votes):
        np.save(folder / kind / "judge" / f"{k:06}.npy", np.array([vote], np.float32))


def test_bapps_are_anchored_triplets_with_votes(root, message_of):
    folder = root / "bapps" / "2afc"
    write_bapps(folder, "val/cnn", [0.0, 0.2, 0.5, 1.0])
    write_bapps(folder, "val/color", [0.8])
    write_bapps(folder, "train/mix", [0.0, 1.0])
    found = load_triplets("dataset:bapps")
    assert found.task == "anchored" and len(found) == 5
    named = [[found.names[k] for k in row] for row in found.values]
    assert named[0] == ["val/cnn/ref/000000.png", "val/cnn/p0/000000.png", "val/cnn/p1/000000.png"]
    assert named[3] == ["val/cnn/ref/000003.png", "val/cnn/p1/000003.png", "val/cnn/p0/000003.png"]
    np.testing.assert_allclose(found.answers.shares, [[1, 0], [0.8, 0.2], [0.5, 0.5], [1, 0], [0.8, 0.2]], atol=1e-7)
    assert load_triplets("dataset:bapps", key="train/mix").answers.counts.tolist() == [[2, 0], [2, 0]]
    assert len(load_triplets("dataset:bapps", key="val/color")) == 1
    assert set(found.names) <= set(pyalign.as_images("dataset:bapps").names)
    (folder / "val/cnn/p1/000002.png").unlink()
    assert "judge and p1 must hold the same triplets; 000002" in message_of(load_triplets, "dataset:bapps")
    assert "has no judge" in message_of(load_triplets, "dataset:bapps", key="val/deblur")


def test_votes_of_five_are_counts_and_a_majority_is_one_answer(root, message_of):
    folder = root / "bapps" / "2afc"
    write_bapps(folder, "val/cnn", [0.0, 0.2, 0.4, 1.0])
    write_bapps(folder, "train/mix", [0.0, 0.5, 1.0])
    assert load_triplets("dataset:bapps").answers.counts.tolist() == [[5, 0], [4, 1], [3, 2], [5, 0]]
    assert load_triplets("dataset:bapps", key="train").answers.counts.tolist() == [[2, 0], [1, 1], [2, 0]]
    soft, hard = load_triplets("dataset:bapps"), load_triplets("dataset:bapps", key="val/majority")
    np.testing.assert_array_equal(soft.values, hard.values)
    assert hard.answers is None
    hard = load_triplets("dataset:bapps", key="train/majority")
    assert len(hard) == 2 and "1 ties are left out" in hard.notes[-1]
    np.save(folder / "val/cnn/judge/000001.npy", np.float32(0.33))  # nobody's fifth
    assert load_triplets("dataset:bapps").answers.kind == "shares"


def test_the_score_of_bapps_is_the_published_one(root):
    """The mean share of judges who prefer the patch that the model finds nearer, 1/2 for a tie (Zhang et al. 2018)."""
    second = np.array([0.0, 0.2, 0.4, 1.0, 0.6, 0.8, 0.4, 0.2])
    write_bapps(root / "bapps" / "2afc", "val/cnn", second)
    found = load_triplets("dataset:bapps")
    x = np.random.default_rng(0).integers(0, 3, (len(found.names), 1)).astype(float)
    place = {name: float(row[0]) for name, row in zip(found.names, x, strict=True)}
    credits = []
    for k, vote in enumerate(second):
        ref, first, other = (place[f"val/cnn/{side}/{k:06}.png"] for side in ("ref", "p0", "p1"))
        d0, d1 = abs(ref - first), abs(ref - other)
        credits.append(vote if d1 < d0 else 1 - vote if d0 < d1 else 0.5)
    scored = pyalign.score(pyalign.Embeddings(x, found.names), found, measure="neg_euclidean")
    assert 0.5 in credits and scored.accuracy == pytest.approx(np.mean(credits))
    assert (scored.n_triplets, scored.only.n_answers, scored.only.weighting) == (8, 40, "answers")


def test_scores_of_two_alternatives_have_a_chance_of_a_half(root):
    folder = root / "bapps" / "2afc"
    write_bapps(folder, "val/cnn", [0.0, 1.0] * 20)
    found = load_triplets("dataset:bapps", key="val/majority")
    x = pyalign.Embeddings(reals(1, len(found.names), 3), found.names)
    assert pyalign.score(x, found).chance == 0.5


def test_judgments_of_a_data_set_take_the_order_that_is_given(tmp_path, root, data):
    from pyalign.datasets.places import remember

    remember("kriegeskorte92", data / "objects92")
    found = load_rdms("dataset:kriegeskorte92")
    back = load_rdms("dataset:kriegeskorte92", names=found.names[::-1])
    np.testing.assert_array_equal(back.matrices(), found.matrices()[:, ::-1, ::-1])
