"""`pyalign score`: what it computes, for each option, against the definitions."""

from __future__ import annotations

import json
from importlib import import_module

import numpy as np
import pytest
from support import BEST, draw_triplets, reals, whole

import pyalign
from pyalign.backends import BACKENDS, backend_reasons, native
from pyalign.data import fingerprint

MEASURES = ("cosine", "dot", "pearson", "neg_sqeuclidean", "neg_euclidean", "rbf:2.5")
TIMES = {"seconds", "triplets_per_second"}


def without_times(rows):
    kept = [{name: value for name, value in row.items() if name not in TIMES} for row in rows]
    for row in (row for row in kept if "provenance" in row):
        row["provenance"] = {name: value for name, value in row["provenance"].items() if name != "time"}
    return kept


@pytest.fixture
def binary(folder):
    """Embeddings of four bits: most triplets tie."""
    x = whole(3, 30, 4) > 0
    np.save("bits.npy", x.astype(np.float32))
    return x.astype(np.float32)


@pytest.mark.parametrize("temperature", ["1", "0.1"])
@pytest.mark.parametrize("measure", MEASURES)
def test_accuracy_and_entropies_are_those_of_the_definition(results, truth, x, triplets, measure, temperature):
    expected = truth(x, triplets, measure, float(temperature))
    (row,) = results("--measure", measure, "--temperature", temperature)
    assert row["measure"] == measure
    assert row["temperature"] == float(temperature)
    assert row["accuracy"] == expected.credit["fractional"]
    assert (row["n_triplets"], row["n_ties"], row["n_dropped"]) == (len(triplets), expected.n_ties, 0)
    assert row["cross_entropy"] == pytest.approx(expected.cross_entropy, rel=1e-5)
    assert row["mean_entropy"] == pytest.approx(expected.mean_entropy, rel=1e-5)


@pytest.mark.parametrize("options", [(), ("--measure", "dot", "--temperature", "3"), ("--ties", "wrong")], ids=str)
def test_the_same_figures_as_the_api(results, x, triplets, options):
    keywords = {name[2:]: value for name, value in zip(options[::2], options[1::2], strict=True)}
    keywords["temperature"] = float(keywords.get("temperature", 1))
    (row,) = results(*options)
    (expected,) = pyalign.score({"x.npy": x}, triplets, ci="auto", **keywords).to_dict()["results"]
    for one in (row, expected):
        assert [(given["name"], given["sha256"]) for given in one.pop("provenance")["inputs"]] == [
            ("x.npy", fingerprint(x)), ("triplets", fingerprint(triplets)),
        ]
    assert without_times([row]) == without_times([expected])


def test_rbf_without_a_bandwidth_takes_the_median_distance(results, x):
    distances = np.linalg.norm(x[:, None].astype(np.float64) - x, axis=2)[np.triu_indices(len(x), 1)]
    rows = results("--measure", "rbf", f"rbf:{float(np.median(distances))!r}")
    assert rows[0]["cross_entropy"] == pytest.approx(rows[1]["cross_entropy"], rel=1e-6)
    (other,) = results("--measure", "rbf:9")
    assert abs(other["cross_entropy"] - rows[0]["cross_entropy"]) > 1e-3


def test_temperature_moves_the_entropies_alone(results):
    (warm,), (cold,) = results("--temperature", "1"), results("--temperature", "0.05")
    assert warm["accuracy"] == cold["accuracy"]
    assert cold["mean_entropy"] < warm["mean_entropy"] - 0.1


@pytest.mark.parametrize("rule", ["fractional", "wrong", "human_alignment"])
def test_each_rule_for_ties_counts_as_defined(results, truth, binary, triplets, rule):
    expected = truth(binary, triplets, "dot")
    assert len(set(expected.credit.values())) == 3
    (row,) = results("--ties", rule, "--measure", "dot", embeddings=["bits.npy"])
    assert row["accuracy"] == pytest.approx(expected.credit[rule], abs=1e-12)
    assert (row["ties"], row["n_ties"]) == (rule, expected.n_ties)


def test_nan_omit_scores_the_triplets_that_touch_no_such_row(results, truth, folder, x, triplets):
    x[3, 1], x[7, 0] = np.nan, np.inf
    np.save("holes.npy", x)
    kept = ~np.isin(triplets, [3, 7]).any(axis=1)
    (row,) = results("--nan", "omit", embeddings=["holes.npy"])
    expected = truth(np.nan_to_num(x, posinf=0), triplets[kept])
    assert row["nan"] == "omit"
    assert (row["n_triplets"], row["n_dropped"]) == (kept.sum(), (~kept).sum())
    assert row["accuracy"] == pytest.approx(expected.credit["fractional"], abs=1e-12)
    assert row["cross_entropy"] == pytest.approx(expected.cross_entropy, rel=1e-5)


@pytest.mark.parametrize("backend", BACKENDS)
def test_each_backend_gives_the_same_decisions(results, score, truth, folder, triplets, backend):
    x = whole(5, 30, 6)
    np.save("whole.npy", x)
    expected = truth(x, triplets, "dot")
    if reason := backend_reasons()[backend]:
        refused = score("--backend", backend, embeddings=["whole.npy"])
        assert (refused.code, refused.out) == (1, "")
        assert f"no backend can take this input: {backend}: {reason}" in refused.err
        return
    (row,) = results("--backend", backend, "--measure", "dot", embeddings=["whole.npy"])
    assert row["backend"] == backend
    assert row["accuracy"] == pytest.approx(expected.credit["fractional"], abs=1e-12)
    assert row["n_ties"] == expected.n_ties > 0
    assert row["cross_entropy"] == pytest.approx(expected.cross_entropy, rel=1e-5)


@pytest.mark.compiled
def test_auto_takes_the_compiled_kernels(results):
    assert results()[0]["backend"] == "native"


def test_output_does_not_depend_on_the_number_of_threads(score, folder):
    np.save("more.npy", reals(7, 300, 40))
    np.save("many.npy", draw_triplets(8, 300, 50_000, np.int32))
    outputs = []
    for threads in ("1", "2", "3"):
        ran = score("--threads", threads, "--json", "--choices", "c.npy", "--probabilities", "p.npy",
                    embeddings=["more.npy"], on="many.npy")
        written = [(folder / name).read_bytes() for name in ("c.npy", "p.npy")]
        outputs.append((without_times(json.loads(ran.out)["results"]), *written))
    assert outputs[0] == outputs[1] == outputs[2]


@pytest.mark.parametrize("threads", [1, 3])
def test_threads_reaches_the_kernels(score, monkeypatch, threads):
    seen = []
    monkeypatch.setattr(native, "set_num_threads", seen.append)
    assert score("--threads", threads).code == 0
    assert seen == [threads]


# Several results


def test_several_embeddings_and_measures_give_a_row_each_in_order(results, truth, folder, x, triplets):
    other = reals(9, 30, 12)
    np.save("other.npy", other)
    rows = results("--measure", "dot", "cosine", "neg_euclidean", embeddings=["other.npy", "x.npy"])
    pairs = [(name, measure) for name in ("other.npy", "x.npy") for measure in ("dot", "cosine", "neg_euclidean")]
    assert [(row["embeddings"], row["measure"]) for row in rows] == pairs
    for row, (name, measure) in zip(rows, pairs, strict=True):
        expected = truth({"other.npy": other, "x.npy": x}[name], triplets, measure)
        assert row["accuracy"] == expected.credit["fractional"]


def test_triplets_are_read_once_and_each_embedding_file_once(results, folder, monkeypatch, x):
    np.save("y.npy", x)
    read = {"triplets": [], "embeddings": []}
    for name, calls in read.items():
        place = f"pyalign.io.{name}.load_{name}"
        original = getattr(import_module(f"pyalign.io.{name}"), f"load_{name}")

        def counted(path, _original=original, _calls=calls, **options):
            _calls.append(path)
            return _original(path, **options)

        monkeypatch.setattr(place, counted)
    assert len(results("--measure", "cosine", "dot", embeddings=["x.npy", "y.npy"])) == 4
    assert read == {"triplets": ["t.npy"], "embeddings": ["x.npy", "y.npy"]}


def test_embeddings_of_different_widths_and_types_stand_in_one_table(results, folder, triplets):
    for name, dtype in (("half", np.float16), ("double", np.float64), ("byte", np.int8)):
        np.save(f"{name}.npy", whole(11, 30, 6).astype(dtype))
    rows = results("--measure", "neg_sqeuclidean", embeddings=["half.npy", "double.npy", "byte.npy"])
    assert len({(row["accuracy"], row["n_ties"]) for row in rows}) == 1


def test_the_table_has_a_row_per_result_under_a_header(score, truth, folder, x, triplets):
    np.save("second one.npy", x)
    ran = score("--measure", "cosine", "dot", "--quiet", embeddings=["x.npy", "second one.npy"])
    header, *lines = ran.out.splitlines()
    rows, notes = lines[:4], " ".join(lines[4:])
    assert (ran.code, ran.err) == (0, "")
    assert header.split()[:3] == ["embeddings", "measure", "accuracy"]
    wanted = [(name, measure) for name in ("x", "second one") for measure in ("cosine", "dot")]
    for row, (name, measure) in zip(rows, wanted, strict=True):
        assert row.startswith(f"{name} ")
        assert f"{100 * truth(x, triplets, measure).credit['fractional']:.1f}%" in row
    for fact in ("t.npy", "chance 33.3%", "T = 1", "ties fractional", "nats", f"backend {BEST}"):
        assert fact in notes


def test_the_table_says_how_many_triplets_were_dropped(score, folder, x, triplets):
    x[3] = np.nan
    np.save("holes.npy", x)
    ran = score("--nan", "omit", embeddings=["holes.npy"])
    assert f"; {np.any(triplets == 3, axis=1).sum():,} dropped" in ran.out.replace("\n", " ")


# Real data


def test_clip_on_human_triplets_gives_the_published_figures(command, data):
    """(127304, 4): three items and a subject, which has to be said."""
    things = data / "things"
    names = ("clip_vit_b32", "word2vec", "efficientnet_lite0_logits")
    ran = command("score", "--embeddings", *(things / f"{name}.npy" for name in names),
                  "--triplets", things / "human_triplets_127304.npy", "--columns", "0,1,2", "--json")
    rows = json.loads(ran.out)["results"]
    assert [round(100 * row["accuracy"], 3) for row in rows] == [50.469, 46.726, 46.393]
    assert [row["n_ties"] for row in rows] == [0, 0, 87]
    assert {row["n_triplets"] for row in rows} == {127304}
    assert rows[0]["cross_entropy"] == pytest.approx(1.07558, abs=1e-5)


def test_human_dimensions_on_human_triplets_give_the_published_figures(command, data):
    things = data / "things"
    files = ("spose_embedding_66d_sorted.txt", "spose_embedding_49d_sorted.txt", "vice_42d.npy")
    ran = command("score", "--embeddings", *(things / name for name in files), "--measure", "dot",
                  "--triplets", things / "human_triplets_127304.npy", "--columns", "0,1,2", "--json")
    rows = json.loads(ran.out)["results"]
    assert [round(100 * row["accuracy"], 3) for row in rows] == [64.749, 64.038, 63.807]


def test_participants_are_groups(command, folder, x, triplets):
    people = np.arange(len(triplets)) % 6
    np.save("with_people.npy", np.column_stack([triplets, people]))
    words = ("score", "x.npy", "-t", "with_people.npy", "--columns", "0,1,2", "--groups", "subjects", "--json")
    found = json.loads(command(*words, "--subject-column", 3).out)["results"][0]
    expected = pyalign.score(x, triplets, subjects=people, groups="subjects").only.to_dict()
    assert [group["n_triplets"] for group in found["groups"]] == [
        len(triplets) // 6 + (k < len(triplets) % 6) for k in range(6)
    ]
    assert [group["accuracy"] for group in found["groups"]] == [group["accuracy"] for group in expected["groups"]]
    refused = command(*words)
    assert refused.code == 1 and "groups 'subjects' needs to know who answered" in refused.err
