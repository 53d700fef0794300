"""--weights: how much each answer counts, for the four commands that average over answers."""

from __future__ import annotations

import json

import numpy as np
import pytest

import pyalign

TRIPLETS = 400  # of `folder`
COMMANDS = {
    "score": ("x.npy",),
    "compare": ("x.npy", "y.npy"),
    "calibrate": ("x.npy", "--split", "none"),
    "ceiling": (),
}
WEIGHTS = np.where(np.arange(TRIPLETS) % 5 == 0, 4.0, 0.5)


@pytest.fixture
def files(folder, x, triplets):
    """Weights in files, and a table that holds all of it; for the ceiling each triplet is answered twice."""
    shown = triplets[: TRIPLETS // 2]
    odd = np.concatenate([pyalign.odd_one_out(x, shown), np.arange(TRIPLETS // 2) % 3])
    both = np.take_along_axis(np.tile(shown, (2, 1)), np.array([[1, 2, 0], [0, 2, 1], [0, 1, 2]])[odd], axis=1)
    weights = np.tile(WEIGHTS[: TRIPLETS // 2], 2)
    np.save(folder / "t2.npy", both)
    np.save(folder / "y.npy", x[:, ::-1] + 0.3 * x)
    np.save(folder / "w.npy", weights)
    np.savetxt(folder / "w.txt", weights)
    table = "".join(f"{a},{b},{c},{w}\n" for (a, b, c), w in zip(both.tolist(), weights.tolist(), strict=True))
    (folder / "table.csv").write_text("a,b,c,weight\n" + table)
    (folder / "w.csv").write_text("a,b,c,weight\n" + table)
    return both, weights, folder


def document(command, *arguments):
    ran = command(*arguments, "--json")
    assert ran.code == 0, ran.err
    found = json.loads(ran.out)
    return {key: value for key, value in found.items() if key not in ("provenance", "triplets", "notes")}


@pytest.mark.parametrize("name", COMMANDS)
def test_weights_in_a_file_and_in_a_column_are_the_same(files, command, name):
    plain = document(command, name, *COMMANDS[name], "-t", "t2.npy")
    found = [
        document(command, name, *COMMANDS[name], "-t", "t2.npy", "--weights", one)
        for one in ("w.npy", "w.txt", "w.csv")
    ]
    (folder := files[2]).joinpath("own.csv").write_text((folder / "table.csv").read_text().replace("weight", "own", 1))
    for table, weights in (("table.csv", "table.csv"), ("own.csv", "own.csv::own"), ("own.csv", "own.csv::3")):
        found.append(document(command, name, *COMMANDS[name], "-t", table, "--columns", "a,b,c", "--weights", weights))
    for one in found:
        for row in one.get("results", []):
            row.pop("seconds", None), row.pop("triplets_per_second", None), row.pop("provenance"), row.pop("notes")
        assert one == found[0]
    assert found[0] != plain
    assert "effective_answers" in json.dumps(found[0])


def test_the_score_is_that_of_python(files, command, x):
    both, weights, _ = files
    ran = command("score", "x.npy", "-t", "t2.npy", "--weights", "w.npy", "--json")
    found = json.loads(ran.out)["results"][0]
    expected = pyalign.score(x, both, weights=weights)
    assert (found["accuracy"], found["ci"]) == (expected.accuracy, list(expected.ci))
    assert [one["name"] for one in json.loads(ran.out)["provenance"]["inputs"]][-1] == "weights"


@pytest.mark.parametrize("name", COMMANDS)
def test_the_table_says_that_answers_were_weighted(files, command, name):
    ran = command(name, *COMMANDS[name], "-t", "t2.npy", "--weights", "w.npy")
    assert "weighted answers: effective number of answers" in " ".join(ran.out.split())


@pytest.mark.parametrize("name", COMMANDS)
def test_wrong_weights_are_one_line(folder, files, command, name):
    np.save(folder / "short.npy", np.ones(3))
    np.save(folder / "zero.npy", np.zeros(TRIPLETS))
    for arguments, told in (
        (("--weights", "short.npy"), "short.npy: weights must have one entry per triplet, shape (400,); got (3,)"),
        (("--weights", "zero.npy"), "zero.npy: weights must be positive; row 0 is 0: leave out triplets"),
        (("--weights", "no.npy"), "no.npy"),
        (("--weights", "w.csv::wait"), "w.csv: column 'wait' is not there; its columns are a, b, c, weight"),
        (("--weights", "w.csv::4"), "w.csv: has columns 0 to 3; got column 4"),
    ):
        ran = command(name, *COMMANDS[name], "-t", "t2.npy", *arguments)
        assert ran.code != 0
        assert told in ran.err
        assert "Traceback" not in ran.err


def test_probe_reads_weights_of_any_format(files, command):
    ran = command("probe", "x.npy", "-t", "t2.npy", "--split", "none", "--penalty", 0.1, "--weights", "w.csv")
    assert ran.code == 0, ran.err
