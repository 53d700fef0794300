"""DataFrames of answers: read as the CSV file of the same table is, whatever types their columns have."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pyalign
from pyalign.data import as_triplet_data
from pyalign.errors import InputError
from pyalign.io import load_triplets

pandas = pytest.importorskip("pandas", reason="pandas is not installed")

WORDS = np.array("ant bee cat dog elk fox gnu hen ibis".split())
T = 40


def frame_of(seed, numbers=False, places=True, base=1, people=True):
    """Answers to which of three is odd, by name or number, with times, weights and participants."""
    rng = np.random.default_rng(seed)
    items = np.array([rng.permutation(len(WORDS))[:3] for _ in range(T)])
    odd = rng.permutation(np.arange(T) % 3)
    shown = items + base if numbers else WORDS[items]
    columns = {f"image{k + 1}": shown[:, k] for k in range(3)} | {"rt": rng.integers(200, 9000, T) / 1000}
    columns["choice"] = odd + 1 if places else shown[np.arange(T), odd]
    columns["weight"] = rng.integers(1, 9, T) / 4
    return pandas.DataFrame(columns | ({"participant": rng.permutation(np.arange(T) % 5)} if people else {}))


def same(found, of_file, source=None):
    """Whether triplets are the same, with all that is known of them; notes are those of the file under another name."""
    for one in fields(of_file):
        a, b = getattr(found, one.name), getattr(of_file, one.name)
        if one.name == "notes" and source is not None:
            b = tuple(note.replace(source, "DataFrame") for note in b)
        if one.name == "subjects" and b is not None:
            assert a.labels == b.labels and np.array_equal(a.codes, b.codes)
        elif one.name == "weights" and b is not None:
            assert np.array_equal(a.values, b.values)
        elif isinstance(b, np.ndarray):
            assert a.dtype == b.dtype and np.array_equal(a, b), one.name
        elif one.name != "source":
            assert a == b, one.name
    assert found.source is None


def outcome(read):
    try:
        return read()
    except InputError as error:
        return str(error).partition(": ")[2]


def check(frame, folder, **stated):
    """Reads a frame and its file; both give the same triplets, or the same refusal."""
    path = folder / "answers.csv"
    frame.to_csv(path, index=False)
    found, of_file = (outcome(lambda: load_triplets(one, **stated)) for one in (frame, path))  # noqa: B023
    if isinstance(of_file, str) or isinstance(found, str):
        assert found == of_file
        return None
    same(found, of_file, str(path))
    return found


TYPES = {
    "as they come": {},
    "categories": {"image1": "category", "image2": "category", "choice": "category", "participant": "category"},
    "text of Arrow": {"image1": "string[pyarrow]", "image2": "string[pyarrow]", "image3": "string[pyarrow]"},
    "strings of pandas": {"image1": "string", "image3": "string[python]", "participant": "string"},
    "objects": {"image1": object, "image2": object, "image3": object, "choice": object, "participant": object},
    "nullable": {"choice": "Int64", "participant": "Int32", "rt": "Float64"},
    "Arrow": {"choice": "int64[pyarrow]", "participant": "int16[pyarrow]", "weight": "double[pyarrow]"},
    "small": {"choice": "int8", "participant": "uint16", "rt": "float32"},
    "floats": {"choice": float, "participant": float},
}


@pytest.mark.parametrize("types", TYPES)
@pytest.mark.parametrize("numbers", [False, True])
@pytest.mark.parametrize("places", [False, True])
def test_a_frame_gives_the_triplets_of_its_file_whatever_its_types(tmp_path, types, numbers, places):
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    of_columns = {name: kind for name, kind in TYPES[types].items()
                  if name != "choice" or numbers or places or kind in ("category", object)}
    found = check(frame_of(0, numbers, places).astype(of_columns), tmp_path)
    assert len(found) == T and found.subjects is not None and found.answered
    check(frame_of(1, numbers, places).astype(of_columns), tmp_path, weight_column="weight", subject_column="rt")


@settings(max_examples=40)
@given(data=st.data())
def test_a_cell_that_is_empty_or_wrong_is_the_same_refusal(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("frame")
    frame = frame_of(data.draw(st.integers(0, 9)), data.draw(st.booleans()), data.draw(st.booleans()))
    frame = frame.astype(TYPES[data.draw(st.sampled_from(["as they come", "objects", "strings of pandas"]))])
    column = data.draw(st.sampled_from(["image1", "image3", "choice", "participant"]))
    frame[column] = frame[column].astype(object)
    frame.loc[data.draw(st.integers(0, T - 1)), column] = data.draw(st.sampled_from([None, np.nan, pandas.NA, "yak"]))
    check(frame, folder)


@pytest.mark.parametrize("stated", [
    {"columns": ("image1", "image2", "image3"), "odd_column": "first"}, {"columns": (2, 0, 1), "choice_column": 4},
    {"choice_column": "choice", "choice_base": 1}, {"task": "anchored", "columns": (0, 1, 2), "anchor": "last"},
    {"one_based": False}, {"columns": ("image1", "image2", "nothing")}, {"columns": (0, 1, 9)}, {"choice_column": "rt"},
    {"subject_column": "rt"}, {"weight_column": "participant"}, {"weight_column": "image1"}, {"odd_column": "none"},
])
@pytest.mark.parametrize("numbers", [False, True])
def test_what_is_stated_is_said_of_a_frame_as_of_a_file(tmp_path, stated, numbers):
    check(frame_of(2, numbers), tmp_path, **stated)


@pytest.mark.parametrize("made", [
    lambda f: f[["image1", "image2", "image3"]], lambda f: f[["image3", "image1", "image2"]].set_axis(range(3), axis=1),
    lambda f: f.iloc[::-1], lambda f: f[["rt", "image2", "choice", "participant", "image1", "image3"]],
    lambda f: f.rename(columns={"choice": "odd"}), lambda f: f.assign(practice=[True] * T, note=[None] * T),
    lambda f: f.rename(columns={"choice": "who knows"}), lambda f: f.assign(answer=f["choice"] % 3 + 1),
    lambda f: f.set_axis([*f.columns[:5], "image2", "participant"], axis=1), lambda f: f.drop(columns="choice"),
])
@pytest.mark.parametrize("numbers", [False, True])
def test_other_columns_are_read_or_refused_as_in_a_file(tmp_path, made, numbers):
    frame = made(frame_of(3, numbers))
    if isinstance(frame.columns[0], str):
        check(frame, tmp_path)
    else:  # its numbers are no header, neither here nor there
        frame.to_csv(tmp_path / "t.csv", index=False, header=False)
        same(load_triplets(frame), load_triplets(tmp_path / "t.csv"))


def test_a_score_of_a_frame_is_that_of_its_file(tmp_path, monkeypatch):
    frame, rows = frame_of(4), np.random.default_rng(0).normal(size=(len(WORDS), 4))
    frame.to_csv(tmp_path / "answers.csv", index=False)
    x = pyalign.Embeddings(rows, WORDS)
    found, of_file = (pyalign.score(x, t) for t in (frame, load_triplets(tmp_path / "answers.csv")))
    assert found.inference.over == "objects+subjects"
    assert (found.accuracy, found.ci, found.cross_entropy) == (of_file.accuracy, of_file.ci, of_file.cross_entropy)
    assert pyalign.Triplets(frame).names == tuple(WORDS) and pyalign.Triplets(frame).subjects is not None
    others = frame.assign(participant=frame["participant"].astype(str) + " again")
    ceiling = pyalign.noise_ceiling(pandas.concat([frame, others]))
    assert any(note.startswith("2 answers repeat one from the same participant") for note in ceiling.notes)
    assert ceiling.n_answers == 2 * T - 2


def test_levels_of_the_index_that_have_a_name_are_columns():
    frame = frame_of(5)
    same(load_triplets(frame.set_index("participant")), load_triplets(frame[["participant", *frame.columns[:-1]]]))
    same(load_triplets(frame.set_axis(frame["rt"].rename(None))), load_triplets(frame))


def test_structured_rows_are_read_as_a_frame_of_them():
    frame = frame_of(6)
    rows = frame.to_records(index=False)
    found = as_triplet_data(np.array(rows.tolist(), dtype=[(name, "U9" if name[0] == "i" else rows.dtype[name])
                                                          for name in rows.dtype.names]))
    assert [note.replace("ndarray", "DataFrame") for note in found.notes] == [*load_triplets(frame).notes]
    assert np.array_equal(found.values, load_triplets(frame).values)


@pytest.mark.parametrize(
    ("frame", "told"),
    [
        (frame_of(0).iloc[:0], "holds no rows of answers; got shape (0, 7)"),
        (pandas.DataFrame(), "holds no rows of answers; got shape (0, 0)"),
        (frame_of(0).drop(columns="choice"), "no column is known to say which item is odd: choice_column=column"),
        (frame_of(0).assign(answer=lambda f: f["choice"] % 3 + 1),
         "'choice', 'answer' may each say which item is odd; choice_column=column says which"),
        (frame_of(0).set_axis([*"abcabcd"], axis=1), "has 7 columns, not 3; header: 'a, b, c, a, b, c, d'"),
    ],
)
def test_what_a_frame_does_not_say_is_one_line(message_of, frame, told):
    assert message_of(load_triplets, frame).startswith(f"DataFrame: {told}")
    assert message_of(pyalign.score, np.eye(9), frame).startswith(f"triplets: {told}")
    remedy = ", in load_triplets(frame, ...)"
    assert message_of(pyalign.score, np.eye(9), frame).endswith(remedy) == ("=" in told or "7 columns" in told)


def test_a_frame_of_polars_says_how_it_becomes_one_of_pandas(message_of):
    frame = type("DataFrame", (), {"__module__": "polars.dataframe.frame", "shape": (3, 4), "columns": ["a"]})()
    for call, name in (
        (load_triplets, "path"), (as_triplet_data, "triplets"), (pyalign.Triplets, "triplets"),
        (lambda f: pyalign.score(f, [[0, 1, 2]]), "embeddings"), (lambda f: pyalign.rsa(np.eye(3), f), "human"),
    ):
        told = message_of(call, frame)
        assert told == f"{name} must be an array, or a DataFrame of pandas; got one of polars: to_pandas() makes one"
