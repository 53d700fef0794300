"""Files of judgments: layouts, names, missing pairs, and what is wrong with them."""

import numpy as np
import pytest

from pyalign import InputError, load_rdms

RDM = np.array([[0, 1, 2], [1, 0, 3], [2, 3, 0]], float)


def saved(path, values):
    np.save(path, values)
    return path


def test_reads_every_layout_of_an_array(tmp_path):
    stack = np.stack([RDM, 2 * RDM])
    for name, values, people in (
        ("square", RDM, None),
        ("stack", stack, 2),
        ("matlab", np.moveaxis(stack, 0, 2), 2),
        ("condensed", np.array([1.0, 2.0, 3.0]), None),
        ("row", np.array([[1.0, 2.0, 3.0]]), None),
        ("column", np.array([[1.0], [2.0], [3.0]]), None),
        ("people", np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0]]), 2),
        ("one", RDM[None], None),
    ):
        found = load_rdms(saved(tmp_path / f"{name}.npy", values), kind="dissimilarity")
        assert (found.n, found.n_people) == (3, people), name
        np.testing.assert_array_equal(found.pairs()[0], [1, 2, 3])


def test_says_how_a_stack_of_matlab_was_taken(tmp_path):
    found = load_rdms(saved(tmp_path / "m.npy", np.zeros((4, 4, 2))), kind="similarity")
    assert "its shape (4, 4, 2) is taken for 2 matrices of 4 objects" in found.notes[0]


def test_takes_names_from_the_file_and_puts_objects_in_the_order_that_is_given(tmp_path):
    np.savez(tmp_path / "r.npz", rdm=RDM, names=np.array(["a", "b", "c"]))
    assert load_rdms(tmp_path / "r.npz", kind="similarity").names == ("a", "b", "c")
    found = load_rdms(tmp_path / "r.npz", kind="similarity", names=["c", "a", "b"])
    np.testing.assert_array_equal(found.pairs(), [[2, 3, 1]])
    assert "objects are put in the order" in found.notes[0]


def test_a_table_may_have_names_and_missing_pairs(tmp_path):
    path = tmp_path / "r.csv"
    path.write_text("name,dog,cat,car\ndog,0,nan,2\ncat,nan,0,3\ncar,2,3,0\n")
    found = load_rdms(path, kind="dissimilarity")
    assert found.names == ("dog", "cat", "car")
    np.testing.assert_array_equal(found.pairs(), [[np.nan, 2, 3]])


def test_columns_in_another_order_are_refused(tmp_path):
    path = tmp_path / "r.csv"
    path.write_text("name,cat,dog\ndog,0,1\ncat,1,0\n")
    with pytest.raises(InputError, match="columns must be in the order of the rows; column 0 is 'cat', row 0 'dog'"):
        load_rdms(path, kind="dissimilarity")


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (np.zeros((4, 5)), "condensed with m"),
        (np.zeros((2, 3, 4)), "must have shape"),
        (np.zeros(7), "condensed with m"),
        (np.array(["a"]), "must be real numbers; got"),
    ],
)
def test_a_file_that_holds_no_judgments_is_told_of_in_one_line(tmp_path, values, told):
    path = saved(tmp_path / "r.npy", values)
    with pytest.raises(InputError, match=told) as error:
        load_rdms(path, kind="similarity")
    assert str(error.value).startswith(str(path)) and "\n" not in str(error.value)


def test_kind_must_be_known(tmp_path):
    with pytest.raises(InputError, match="kind must be one of"):
        load_rdms(saved(tmp_path / "r.npy", RDM), kind="distances")


def test_other_names_than_those_of_the_file_are_refused(tmp_path):
    np.savez(tmp_path / "r.npz", rdm=RDM, names=np.array(["a", "b", "c"]))
    with pytest.raises(InputError, match="names must be those that the objects have in the file"):
        load_rdms(tmp_path / "r.npz", kind="similarity", names=["a", "b", "d"])


def test_reads_the_matrices_of_real_people(data):
    people = load_rdms(data / "objects92/kriegeskorte92_images_and_behaviour.npz", kind="dissimilarity")
    assert (people.n, people.n_people, people.pairs().shape) == (92, 16, (16, 4186))
    assert load_rdms(data / "things/RDM48_triplet.mat", kind="dissimilarity").n == 48


def test_a_table_may_have_a_rating_in_each_row(tmp_path):
    """As a plain loop over the rows makes matrices of it."""
    rng = np.random.default_rng(0)
    names = [f"object {k}" for k in range(7)]
    rows = [(rng.integers(3), *rng.integers(7, size=2), rng.integers(1, 8)) for _ in range(200)]
    path = tmp_path / "ratings.csv"
    lines = [f"P{p},{names[i]},{k},{names[j]},{r},easy" for k, (p, i, j, r) in enumerate(rows)]
    path.write_text("\n".join(["participant_id,image_1,rt,image_2,rating,condition", *lines]) + "\n")
    found = load_rdms(path, kind="similarity")
    expected = np.full((3, 7, 7), np.nan)
    for p in range(3):
        for i in range(7):
            for j in range(7):
                given = [r for q, a, b, r in rows if q == p and i != j and {a, b} == {i, j}]
                expected[p, i, j] = np.mean(given) if given else np.nan
    np.testing.assert_array_equal(found.values, expected)
    assert (found.names, found.n_people) == (tuple(names), 3)
    left_out = sum(i == j for _, i, j, _ in rows)
    assert found.notes == (
        f"{path}: {200 - left_out} ratings of pairs of 7 objects; several of a pair by one participant are averaged; "
        f"of an object with itself, left out: {left_out}",
    )


def test_ratings_without_participants_or_a_header_are_one_matrix_and_nan_is_no_rating(tmp_path):
    path = tmp_path / "ratings.tsv"
    path.write_text("dog\tcat\t2\ncar\tdog\tnan\ncat\tcar\t5\n")
    found = load_rdms(path, kind="dissimilarity")
    assert (found.names, found.n_people) == (("car", "cat", "dog"), None)
    np.testing.assert_array_equal(found.pairs(), [[5, np.nan, 2]])


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (
            "one word,other word,kind,rating\na,b,x,1\nb,a,y,2\n",
            "rows of two objects and a rating, as participant,left,right,ra",
        ),
        ("left,right,rt,trial\na,b,1.5,1\nb,a,2.5,2\n", "got column 0 ('left'), column 1 ('right'), column 2 ('rt')"),
        ("left,right,rating\na,b,1\nb,c,\n", "line 3, column 3: '' is not a number"),
        ("".join(f"a{k},b{k},{k}\n" for k in range(2000)), "2,000 ratings are too few for 1 matrices of 4,000 objects"),
    ],
)
def test_a_table_of_text_that_holds_no_ratings_is_refused(tmp_path, text, rule):
    path = tmp_path / "ratings.csv"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        load_rdms(path, kind="similarity")
    assert str(caught.value).startswith(f"{path}: ") and rule in str(caught.value)
