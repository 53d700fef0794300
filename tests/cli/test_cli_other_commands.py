"""`pyalign info`, `pyalign datasets fetch sample` and `pyalign triplets simulate`."""

from __future__ import annotations

from importlib.resources import files

import numpy as np
import pytest
from support import reals, strict_json

import pyalign
from pyalign.backends import BACKENDS, backend_reasons, native
from pyalign.datasets import simulate as module
from pyalign.datasets.simulate import FILES

# info


def test_info_prints_version_instruction_set_threads_and_backends(command):
    ran = command("info")
    assert (ran.code, ran.err) == (0, "")
    lines = {line.split("  ")[0].strip(): line for line in ran.out.splitlines()}
    assert pyalign.__version__ in lines["version"]
    assert (native.instruction_set() or "none") in lines["instruction set"]
    assert str(native.num_threads()) in lines["threads"]
    assert (native.compiler() or "none") in lines["compiler"]
    assert sum(line.startswith("backend ") for line in ran.out.splitlines()) == len(BACKENDS)


def test_info_as_json(command):
    facts = strict_json(command("info", "--json").out)
    assert facts["version"] == pyalign.__version__
    assert facts["numpy"] == np.__version__
    assert facts["instruction_set"] in (facts["instruction_sets"] or {None: True})
    assert facts["threads"] == native.num_threads()
    assert facts["backends"] == backend_reasons()
    assert list(facts["backends"]) == list(BACKENDS)
    assert (facts["speed"] is None) == (facts["backends"]["native"] is None)  # then there is nothing to say of it


@pytest.mark.parametrize("name", ["cmake_dir", "include_dir", "libs"])
def test_info_says_where_the_c_library_is_or_that_there_is_none(command, monkeypatch, tmp_path, name):
    only = "--only", name.replace("_", "-")
    monkeypatch.setattr("pyalign.cli.info.FOLDER", tmp_path)
    ran = command("info", *only)
    assert ran.code == 1 and "this installation has no C library: nothing was compiled" in ran.err
    assert strict_json(command("info", "--json").out)["c_library"] is None
    (tmp_path / "include").mkdir()
    (tmp_path / "include" / "pyalign.h").touch()
    place = strict_json(command("info", "--json").out)["c_library"][name]
    assert str(tmp_path) in place and command("info", *only).out == f"{place}\n"
    assert strict_json(command("info", *only, "--json").out)[name] == place


def test_info_gives_the_reason_where_a_backend_cannot_run(command, monkeypatch):
    monkeypatch.setattr(
        native.NativeBackend, "why_not", lambda self, place=None: "the compiled kernels cannot be loaded (test)"
    )
    assert "cannot run: the compiled kernels cannot be loaded (test)" in command("info").out
    facts = strict_json(command("info", "--json").out)
    assert facts["backends"]["native"] == "the compiled kernels cannot be loaded (test)"
    assert facts["speed"].endswith(": the compiled kernels cannot be loaded (test)")


def test_every_backend_stands_in_its_own_column(command):
    rows = [line for line in command("info").out.splitlines() if line.startswith("backend ")]
    assert len({row.rindex("  ") for row in rows if row.endswith("ready")}) == 1


# sample


@pytest.fixture
def sample(command, tmp_path):
    """The sample in a folder, two levels of which were not there."""
    folder = tmp_path / "new" / "demo"
    ran = command("datasets", "fetch", "sample", "--folder", folder)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines() == [str(folder / name) for name in FILES]
    return folder


def test_sample_writes_the_packages_files_byte_by_byte(sample):
    source = files("pyalign.datasets") / "sample"
    assert {path.name: path.read_bytes() for path in sample.iterdir()} == {
        name: (source / name).read_bytes() for name in FILES
    }


def test_sample_again_replaces_what_was_there(command, sample):
    (sample / "names.txt").write_text("changed")
    assert command("datasets", "fetch", "sample", "--folder", sample).code == 0
    assert (sample / "names.txt").read_bytes() == (files("pyalign.datasets") / "sample" / "names.txt").read_bytes()
    assert sorted(path.name for path in sample.iterdir()) == sorted(FILES)


def test_scoring_the_sample_gives_the_figure_of_its_page(command, sample):
    args = ("score", sample / "embeddings.npy", "--triplets", sample / "triplets.npy")
    (row,) = strict_json(command(*args, "--json").out)["results"]
    assert round(100 * row["accuracy"], 3) == 56.375
    assert (row["n_triplets"], row["n_ties"]) == (28770, 0)
    assert "56.4%" in command(*args).out


# simulate


@pytest.fixture
def simulate(command, tmp_path):
    """``simulate("--seed", 1, name="a")``: the folder written, and expected.json."""

    def run(*options, name="sim", triplets=20_000):
        folder = tmp_path / name
        ran = command("triplets", "simulate", folder, "--count", triplets, *options)
        assert (ran.code, ran.err) == (0, "")
        expected = strict_json((folder / "expected.json").read_text())
        assert f"{100 * expected['expected_accuracy']:.2f}%" in ran.out
        assert f"{triplets:,} triplets" in ran.out
        return folder, expected

    return run


SIZE = ("--n-objects", "60")


@pytest.mark.parametrize("temperature", [0.02, 0.1, 1.0])
@pytest.mark.parametrize("measure", ["cosine", "dot", "neg_euclidean"])
def test_scoring_a_simulation_gives_what_it_expects(command, simulate, measure, temperature):
    """Accuracy and cross-entropy, within four standard errors."""
    model = ("--measure", measure, "--temperature", temperature)
    folder, expected = simulate(*SIZE, *model)
    ran = command("score", "--embeddings", folder / "embeddings.npy", "--triplets", folder / "triplets.npy",
                  "--json", *model)
    (row,) = strict_json(ran.out)["results"]
    assert abs(row["accuracy"] - expected["expected_accuracy"]) < 4 * expected["standard_error"]
    x, triplets = np.load(folder / "embeddings.npy"), np.load(folder / "triplets.npy")
    p = pyalign.choice_probabilities(x, triplets, measure=measure, temperature=temperature).astype(np.float64)
    logs = np.log(np.maximum(p, 1e-30))
    entropy = -(p * logs).sum(axis=1)
    error = np.sqrt(((p * logs**2).sum(axis=1) - entropy**2).sum()) / len(p)
    assert abs(row["cross_entropy"] - expected["expected_cross_entropy"]) < 4 * error
    assert expected["expected_cross_entropy"] == pytest.approx(entropy.mean(), rel=1e-4)
    assert expected["expected_accuracy"] == pytest.approx(p.max(axis=1).mean(), rel=1e-5)


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(simulate):
    one, again, other = (simulate(*SIZE, "--seed", seed, name=name)[0] for seed, name in ((5, "a"), (5, "b"), (6, "c")))
    for name in ("embeddings.npy", "triplets.npy", "expected.json"):
        assert (one / name).read_bytes() == (again / name).read_bytes()
        assert (one / name).read_bytes() != (other / name).read_bytes()


def test_the_same_seed_gives_the_same_bytes_on_any_number_of_threads(simulate, monkeypatch):
    folders = []
    for threads in (1, 2, 3):
        native.set_num_threads(threads)
        folders.append(simulate(*SIZE, name=f"t{threads}")[0])
    assert len({(folder / "triplets.npy").read_bytes() for folder in folders}) == 1


def test_what_is_expected_is_read_back_as_the_simulation(simulate):
    folder, expected = simulate(*SIZE, "--seed", 5)
    found = pyalign.load_result(folder / "expected.json")
    x = np.load(folder / "embeddings.npy")
    assert found == module.simulate(x, 20_000, seed=5)
    assert expected["command"] == "simulate"


@pytest.mark.parametrize("options", [("--seed", "-1"), ("--n-objects", "0"), ("--temperature", "warm")])
def test_simulate_refuses_options_that_are_none(command, tmp_path, options):
    ran = command("triplets", "simulate", tmp_path / "new", *options)
    assert ran.code == 2 and options[0] in ran.err
    assert not (tmp_path / "new").exists()


def test_simulated_sizes_are_those_asked_for(simulate):
    folder, expected = simulate("--n-objects", "33", triplets=123)
    x, triplets = np.load(folder / "embeddings.npy"), np.load(folder / "triplets.npy")
    assert (x.shape, triplets.shape, expected["n_triplets"]) == ((33, 768), (123, 3), 123)
    assert sorted(path.name for path in folder.iterdir()) == ["embeddings.npy", "expected.json", "triplets.npy"]


@pytest.mark.parametrize("name", ["embeddings.npy", "triplets.npy", "expected.json"])
def test_one_file_that_cannot_be_written_leaves_none(command, tmp_path, name):
    (tmp_path / name).mkdir()
    ran = command("triplets", "simulate", tmp_path, *SIZE, "--count", 100)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == f"pyalign triplets simulate: error: {tmp_path / name}: Is a directory\n"
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_people_can_be_simulated_on_given_embeddings(simulate, tmp_path):
    x = reals(3, 20, 5)
    np.save(tmp_path / "given.npy", x)
    folder, expected = simulate("--embeddings", tmp_path / "given.npy", "--seed", 4)
    np.testing.assert_array_equal(np.load(folder / "embeddings.npy"), x)
    triplets = np.load(folder / "triplets.npy")
    assert np.array_equal(np.unique(triplets), np.arange(20))
    accuracy = pyalign.score(x, triplets, temperature=0.1).accuracy
    assert abs(accuracy - expected["expected_accuracy"]) < 4 * expected["standard_error"]
