"""Intervals of `pyalign rsa`: the closed form on the command line, and what it does without."""

from __future__ import annotations

import numpy as np
import pytest
from support import reals, strict_json

import pyalign

HUMAN = ("--human", "people.npy", "--kind", "dissimilarity")


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Rows of two models, and the matrices of four people."""
    monkeypatch.chdir(tmp_path)
    x = {"a.npy": reals(1, 14, 5), "b.npy": reals(2, 14, 4)}
    for name, rows in x.items():
        np.save(name, rows)
    seen = [x["a.npy"] + 0.7 * reals(3 + k, 14, 5) for k in range(4)]
    people = np.stack([1 - pyalign.similarity(rows, measure="pearson") for rows in seen])
    np.save("people.npy", people)
    return x, people


@pytest.mark.parametrize("over", ["objects", "subjects", "objects+subjects"])
def test_the_closed_form_is_that_of_the_function(command, files, over):
    ran = command("rsa", "a.npy", "b.npy", *HUMAN, "--ci", over, "--json")
    assert ran.code == 0, ran.err
    found = strict_json(ran.out)
    expected = pyalign.rsa(*files, kind="dissimilarity", ci=pyalign.Resampling(over, "corrected"))
    for one, other in zip(found["results"], expected.results, strict=True):
        assert one["standard_error"] == pytest.approx(other.standard_error)
        assert one["per_person"]["standard_error"] == pytest.approx(other.per_person.standard_error)
    assert found["pairs"][0]["p_value"] == pytest.approx(expected.pairs[0].p_value)
    assert (found["ci_method"], found["resamples"]) == ("corrected", None)


def test_the_table_says_how(command, files):
    ran = command("rsa", "a.npy", *HUMAN)
    assert ran.code == 0 and "intervals (closed form) over objects and participants" in " ".join(ran.out.split())
    ran = command("rsa", "a.npy", *HUMAN, "--resamples", 20)
    assert "(dual bootstrap, 20 resamples, seed 0)" in " ".join(ran.out.split())


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("--resamples", 10, "--ci", "none"), "--resamples"),
        (("--confidence", "95"), "confidence_level must lie between 0 and 1; got 95.0"),
    ],
)
def test_what_does_not_go_together_is_one_line(command, files, args, told):
    ran = command("rsa", "a.npy", *HUMAN, *args)
    assert ran.code == 1 and told in ran.err and len(ran.err.strip().splitlines()) == 1 and not ran.out
