"""The three row orders of THINGS are known by name, and converted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyalign import Embeddings, Triplets, score
from pyalign.datasets import find_things_order, things_order, things_rows
from pyalign.errors import InputError

ORDERS = ("sorted", "raw", "folders")
words = st.lists(st.from_regex(r"[a-z]{1,3}[-_1]?[a-z]{0,2}", fullmatch=True), min_size=1, max_size=30, unique=True)


@given(names=words, have=st.sampled_from(ORDERS), want=st.sampled_from(ORDERS))
def test_rows_are_those_of_the_names(names, have, want):
    rows = np.array(things_order(have, names))
    np.testing.assert_array_equal(rows[things_rows(have, want, names)], things_order(want, names))
    numbers = things_rows(want, have, names)  # what is number k in `have`
    np.testing.assert_array_equal(np.array(things_order(want, names))[numbers], rows)


@given(names=words)
def test_there_and_back_is_where_it_was(names):
    there, back = things_rows("raw", "folders", names), things_rows("folders", "raw", names)
    np.testing.assert_array_equal(there[back], np.arange(len(names)))


def test_names_of_another_order_or_twice_are_refused(message_of):
    assert message_of(things_order, "alphabetic", ["a"]).startswith("order must be one of sorted, raw, folders")
    assert "'a' occurs more than once" in message_of(things_order, "raw", ["a", "b", "a"])
    assert "must be in one of the orders" in message_of(find_things_order, ["b", "c", "a"], ["a", "b", "c"])


def test_the_real_orders_differ_in_as_many_rows_as_is_known(data):
    names = (data / "things/unique_id.txt").read_text().split()
    index = np.loadtxt(data / "things/sortindex.txt").astype(int)
    np.testing.assert_array_equal(things_rows("raw", "sorted", names), index)
    apart = {order: sum(a != b for a, b in zip(names, things_order(order, names), strict=True)) for order in ORDERS}
    assert apart == {"sorted": 0, "raw": 21, "folders": 192}
    assert find_things_order(things_order("raw", names), names) == "raw"


def test_rows_in_any_order_score_the_same_by_name(data):
    names = tuple((data / "things/unique_id.txt").read_text().split())
    x = np.load(data / "things/vice_42d.npy")
    answers = np.load(data / "things/human_triplets_127304.npy")[:20_000, :3].astype(np.int32)
    expected = score(x, answers, measure="dot").accuracy
    for order in ORDERS:
        named = Embeddings(x[things_rows("sorted", order, names)], things_order(order, names))
        assert score(named, Triplets(answers, names, numbered=True), measure="dot").accuracy == expected
        numbers = things_rows("sorted", order, names)  # objects by number in that order
        other = np.argsort(numbers).astype(np.int32)[answers]
        triplets = Triplets(other, things_order(order, names), numbered=True)
        assert score(Embeddings(x, names), triplets, measure="dot").accuracy == expected


def test_the_wrong_order_is_half_a_point_worse(data):
    """Why names are needed."""
    names = (data / "things/unique_id.txt").read_text().split()
    x = np.load(data / "things/vice_42d.npy")
    answers = np.load(data / "things/human_triplets_127304.npy")[:, :3].astype(np.int32)
    right, wrong = (
        score(x[things_rows("sorted", order, names)], answers, measure="dot").accuracy for order in ("sorted", "raw")
    )
    assert 0.002 < right - wrong < 0.02


def test_one_trap_by_hand():
    assert things_order("raw", ["hot_tub", "hot-air_balloon"]) == ("hot-air_balloon", "hot_tub")
    with pytest.raises(InputError):
        things_order("sorted", ["a", "a"])
