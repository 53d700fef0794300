"""Files of other packages: each is read by the command line with the figure that it holds, or refused in one line.

Files are written by the package itself where it has a writer and is installed, else as published (`peer_files.py`).
Objects stand in another order in each, so that a figure is right only where their names have come along.
"""

from __future__ import annotations

import importlib.util
import json
import pickle
from collections import defaultdict
from pathlib import Path

import numpy as np
import peer_files
import pytest
from scipy.stats import spearmanr
from support import decide, definition, pairs_of, reals

from pyalign.cli import main

N, PEOPLE = 12, ("able-fly", "brave-owl", "calm-bee")
OBJECTS = [f"object{k}" for k in range(N)]
X = reals(1, N, 6, dtype=np.float64)
UPPER = np.triu_indices(N, 1)
JUDGED = np.stack([1 - np.corrcoef(X + reals(k, N, 6, dtype=np.float64)) for k in (2, 3, 4)])  # of three people
ORDER = np.random.default_rng(5).permutation(N)
MOVED, NAMES = JUDGED[:, ORDER[:, None], ORDER], [OBJECTS[k] for k in ORDER]
PAIRS = MOVED[(..., *UPPER)]
TRIPLETS = np.stack([np.random.default_rng(k).permutation(N)[:3] for k in range(300)])
MAP = np.eye(6) + 0.5 * reals(6, 6, 6, dtype=np.float64)
BIAS = reals(7, 6, dtype=np.float64)


def agreement(people=JUDGED):
    """Spearman's correlation of the model's RDM with the mean of people's."""
    return spearmanr((1 - np.corrcoef(X))[UPPER], np.mean(people, axis=0)[UPPER])[0]


def accuracy(x, measure="cosine"):
    """How often the third item is the odd one."""
    return float(np.mean(decide(pairs_of(definition(x, x, measure), TRIPLETS)) == 2))


def mapped(x=X, weights=MAP, bias=0.0):
    """What human_alignment's own scripts do before they score."""
    return (x - x.mean()) / x.std() @ weights + bias


# Writers of the packages themselves


def rdms(**descriptors):
    package = pytest.importorskip("rsatoolbox", reason="rsatoolbox is not installed")
    noise = np.stack([np.cov(reals(k, 4, 30)) for k in range(3)])
    patterns = {"stimulus": NAMES, "size": np.arange(N) / 2, **descriptors.pop("patterns", {})}
    people = {"subject": list(PEOPLE), "noise": noise, **descriptors.pop("people", {})}
    return package.rdm.RDMs(PAIRS, "crossnobis", {"noise": noise[0], **descriptors}, people, patterns)


def rsatoolbox_files():
    rdms().save("rdms.hdf5")
    rdms().save("rdms.pkl", "pkl")
    rdms(people={"subject": np.array(PEOPLE)}, patterns={"stimulus": np.array(NAMES)}).save("text.pkl", "pkl")
    rdms(patterns={"file": [f"{name}.jpg" for name in NAMES]}).save("two.hdf5")
    Path("object.pkl").write_bytes(pickle.dumps(rdms()))
    from rsatoolbox.data import Dataset

    Dataset(X, {"noise_precision": np.eye(6)}, {"conds": OBJECTS}, {"voxel": np.arange(6)}).save("dataset.hdf5")


def to_rdms_files():
    pytest.importorskip("rsatoolbox", reason="rsatoolbox is not installed")
    from pyalign import RDMs
    from pyalign.integrations.rsatoolbox import to_rdms

    similar = to_rdms(RDMs(-PAIRS, "similarity", tuple(NAMES), PEOPLE))
    similar.save("similar.hdf5")
    similar.save("similar.pkl", "pkl")


def thingsvision_files():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    package = importlib.util.find_spec("thingsvision")
    if package is None:
        pytest.skip("thingsvision is not installed")
    path = Path(next(iter(package.submodule_search_locations)), "utils", "storing", "helpers.py")
    spec = importlib.util.spec_from_file_location("thingsvision_storing", path)  # the package as a whole needs more
    helpers = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(helpers)
    for suffix in ("npy", "hdf5", "pt", "txt", "mat"):
        Path(f"clip_{suffix}").mkdir()
        Path(f"clip_{suffix}/file_names.txt").write_text("".join(f"/images/{name}.jpg\n" for name in NAMES))
        moved = X[ORDER]
        helpers.save_features(torch.from_numpy(moved) if suffix == "pt" else moved, f"clip_{suffix}", suffix)
    Path("bare").mkdir()
    helpers.save_features(X, "bare", "mat")


def cblearn_files():
    package = pytest.importorskip("cblearn", reason="cblearn is not installed")
    datasets = importlib.import_module(f"{package.__name__}.datasets")
    np.save("order.npy", datasets.make_random_triplets(X, result_format="list-order", size=200, random_state=0))
    asked, response = datasets.make_random_triplets(X, result_format="list-boolean", size=200, random_state=0)
    np.savez("boolean.npz", query=asked, response=response)


# Files as published


def meadows_files():
    people = {name: (pairs, [f"{one}.png" for one in NAMES]) for name, pairs in zip(PEOPLE, PAIRS, strict=True)}
    Path("Meadows_things_v_v1_arrange_1D.mat").write_bytes(peer_files.meadows(people))
    turned = np.arange(N)[::-1]  # another participant's file may have another order
    people[PEOPLE[1]] = (MOVED[1][turned[:, None], turned][UPPER], [f"{NAMES[k]}.png" for k in turned])
    Path("orders.mat").write_bytes(peer_files.meadows(people))
    one = peer_files.numbers("rdmutv", PAIRS[0]) + peer_files.text("stimuli", NAMES, peer_files.UTF16, "utf-16-le")
    Path("Meadows_things_v_v1_able-fly_2_1D.mat").write_bytes(peer_files.mat(one))
    unnamed = peer_files.numbers("rdmutv", PAIRS[0]) + peer_files.numbers("stimuli", 1)
    Path("unnamed.mat").write_bytes(peer_files.mat(unnamed))
    tasks = [peer_files.arrangement(f"round{k}", pairs, NAMES) for k, pairs in enumerate(PAIRS)]
    for name, document in (
        ("one.json", peer_files.tree(tasks[0])), ("rounds.json", peer_files.tree(*tasks)),
        ("none.json", peer_files.tree()), ("odd.json", peer_files.tree({**tasks[0], "rdm": "far"})),
        ("short.json", peer_files.tree({**tasks[0], "rdm": [1.0, 2.0]})), ("other.json", [1, 2]),
    ):
        Path(name).write_bytes(peer_files.as_json(document))
    several = {who: peer_files.tree(peer_files.arrangement("arrange", MOVED[k][order[:, None], order][UPPER],
                                                           [NAMES[j] for j in order]))
               for k, (who, order) in enumerate(zip(PEOPLE, (turned, np.arange(N), turned), strict=True))}
    two_tasks = {who: peer_files.tree(tasks[0], tasks[k]) for who, k in zip(PEOPLE, (1, 2, 1), strict=True)}
    for name, document in (
        ("several.json", several), ("absent.json", {**several, "shy-cat": peer_files.tree()}),
        ("one_task.json", {who: one["tasks"][1] for who, one in several.items()}),
        ("by_name.json", {who: {"tasks": {"arrange": one["tasks"][1]}} for who, one in several.items()}),
        ("two_tasks.json", two_tasks), ("broken.json", {**several, "shy-cat": {"tasks": [{"rdm": [1.0]}]}}),
    ):
        Path(name).write_bytes(peer_files.as_json(document))
    Path("cut.json").write_bytes(peer_files.as_json(peer_files.tree(*tasks))[:-40])


def rsa_toolbox_files():
    made = peer_files.rsa_toolbox(JUDGED, [f"subject {k} | session 1" for k in range(3)])
    Path("rdms.mat").write_bytes(peer_files.mat(made))
    Path("rows.mat").write_bytes(peer_files.mat(peer_files.rsa_toolbox(JUDGED[(..., *UPPER)], ["a", "b", "c"])))
    Path("both.mat").write_bytes(peer_files.mat(made, peer_files.rsa_toolbox(JUDGED[:1], ["model"], "Models")))
    sizes = peer_files.rsa_toolbox([JUDGED[0], JUDGED[1][:5, :5]], ["a", "b"])
    Path("sizes.mat").write_bytes(peer_files.mat(sizes))
    Path("cut.mat").write_bytes(peer_files.mat(made)[:-40])
    nested = peer_files.numbers("", np.eye(3))
    for _ in range(40):
        nested = peer_files.structs("", [{"s": nested}])
    Path("nested.mat").write_bytes(peer_files.mat(peer_files.structs("x", [{"RDM": nested}])))


def rsa_toolbox_files_of_version_73():
    pytest.importorskip("h5py", reason="h5py is not installed")
    people = [{"RDM": one, "name": f"subject {k}", "color": np.eye(3)[:1]} for k, one in enumerate(JUDGED)]
    peer_files.write_73("new.mat", RDMs=people)
    peer_files.write_73("two_new.mat", RDMs=people, Models=people[:2])


def matlab_4_files():
    """As old versions and Octave write it, with text."""
    import scipy.io

    scipy.io.savemat("old.mat", {"rdmutv": PAIRS[:1], "stimuli": np.array(NAMES)}, format="4")


def human_alignment_files():
    features = defaultdict(lambda: defaultdict(dict))  # as its evaluation fills it
    features["custom"]["clip_RN50"]["penultimate"] = X
    features["torchvision"]["vgg16"]["logits"] = X @ MAP
    transforms = {source: dict(models) for source, models in features.items()}
    transforms["custom"] = {"clip_RN50": {"penultimate": MAP}}
    with_bias = {"weights": MAP, "bias": BIAS}
    transforms["torchvision"] = {"vgg16": {"logits": np.c_[MAP, BIAS]}, "resnet": {"avg": with_bias}}
    transforms["ssl"] = {"vicreg": {"avg": {"weights": MAP, "mean": 0, "std": 2.0}}}
    for name, tree in {"features.pkl": dict(features), "transforms.pkl": transforms}.items():
        Path(name).write_bytes(pickle.dumps(tree))
    Path("cut.pkl").write_bytes(pickle.dumps(transforms)[:-40])
    np.savez("transform.npz", weights=MAP, bias=BIAS)
    np.savez("mean.npz", weights=MAP, mean=0.0)
    np.save("transform.npy", MAP)
    published = {"weights": MAP, "bias": BIAS, "mean": X.mean(), "std": X.std()}
    np.savez("glocal.npz", **published)
    Path("glocal.pkl").write_bytes(pickle.dumps(published))
    Path("floats.pkl").write_bytes(pickle.dumps({"weights": MAP, "mean": 0.0, "std": 2.0}))
    frame = pytest.importorskip("pandas").DataFrame({"model": ["clip"], "probing": [0.5]})
    frame.to_pickle("results.pkl")
    Path("model_dict.json").write_text('{"clip_RN50": {"penultimate": {"module_name": "visual", "temperature": 0.5}}}')


def dimension_files():
    np.savetxt("spose_embedding_6d_sorted.txt", np.abs(X))  # SPoSE: lines of numbers between blanks
    np.save("final_embedding.npy", np.abs(X).astype(np.float32))  # VICE
    np.savetxt("test_10.txt", TRIPLETS, fmt="%d")  # of both: the odd item last


def brainscore_files():
    """By brainscore_core where it is installed, which needs an old numpy; else as its version 2.5.0 lays them out."""
    h5py = pytest.importorskip("h5py", reason="h5py is not installed")
    odd, numbers = TRIPLETS[:, 2], range(len(TRIPLETS))
    coordinates = {"stimulus_id": odd, "triplet_id": [f"triplet_{k}" for k in numbers]}
    coordinates |= {f"image_{k + 1}": items for k, items in enumerate(TRIPLETS.T)}
    if importlib.util.find_spec("brainscore_core") is not None:
        brainio = "brainscore_core.supported_data_standards.brainio"
        along = {name: ("presentation", values) for name, values in coordinates.items()}
        made = importlib.import_module(f"{brainio}.assemblies").BehavioralAssembly(odd, along, ["presentation"])
        importlib.import_module(f"{brainio}.packaging").write_netcdf(made, "assembly.nc")
    else:
        with h5py.File("assembly.nc", "w") as file:
            rows = file.create_dataset("presentation", odd.shape, ">f4")
            rows.make_scale("This is a netCDF dimension but not a netCDF variable.       300")
            file.create_dataset("data", data=odd, compression="gzip").attrs["coordinates"] = " ".join(coordinates)
            for name, values in coordinates.items():
                file[name] = values
                file[name].dims[0].attach_scale(rows)
    with h5py.File("recording.nc", "w") as file:
        file["data"], file["stimulus_id"] = X, OBJECTS
    with h5py.File("no_trials.nc", "w") as file:
        file["image_1"] = np.zeros(0, int)
    Path("cut.nc").write_bytes(Path("assembly.nc").read_bytes()[:-4000])
    Path("classic.nc").write_bytes(b"CDF\x01" + bytes(28))


# FILE, the command that reads it, and the figure or the refusal

RSA = ("rsa", "x.npy", "--names", "names.txt", "--ci", "none", "--human")
SCORE = ("score", "-t", "t.npy", "--ci", "none", "--item-names", "names.txt")
ODD_LAST = ("score", "x.npy", "--ci", "none", "-t")
COOLED = (*SCORE, "x.npy", "--measure", "dot", "--temperature")
MAPPED = (*SCORE, "x.npy", "--transform")
TWO = "two.hdf5: FILE::pattern_descriptors/KEY must say which pattern descriptor holds the names, 'file' or 'stimulus'"
NO_TREE = "must be a tree of Meadows: tasks, each with its task, its stimuli with names"
ANCHORED = ("score", "x.npy", "--ci", "none", "--measure", "neg_euclidean", "--task", "anchored", "-t")
SIGN = "rdms.hdf5: kind must be that of rdms.hdf5, 'dissimilarity'; got 'similarity'"
CASES = {
    rsatoolbox_files: [
        ("rdms.hdf5", RSA, agreement()),
        ("rdms.pkl", RSA, agreement()),
        ("text.pkl", RSA, agreement()),
        ("rdms.hdf5::rdm_descriptors/subject", RSA, agreement()),
        ("two.hdf5", RSA, TWO),
        ("two.hdf5::pattern_descriptors/stimulus", RSA, agreement()),
        ("rdms.hdf5", (*RSA[:-1], "--kind", "similarity", "--human"), SIGN),
        ("rdms.hdf5", SCORE, "rdms.hdf5: holds RDMs of rsatoolbox: they are matrices of pairs, not embeddings"),
        ("object.pkl", RSA, "object.pkl: is not a sound pickle file (it asks for 'rsatoolbox.rdm.rdms.RDMs'"),
        ("dataset.hdf5", SCORE, accuracy(X)),
    ],
    to_rdms_files: [("similar.hdf5", RSA, agreement()), ("similar.pkl", RSA, agreement())],
    meadows_files: [
        ("Meadows_things_v_v1_arrange_1D.mat", RSA, agreement()),
        ("orders.mat", RSA, agreement()),
        ("Meadows_things_v_v1_arrange_1D.mat::rdmutv_brave_owl", RSA, agreement(JUDGED[1:2])),
        ("Meadows_things_v_v1_able-fly_2_1D.mat", RSA, agreement(JUDGED[:1])),
        ("unnamed.mat", RSA, "unnamed.mat: must hold the names of the objects of 'rdmutv' as text, in stimuli"),
        ("one.json", RSA, agreement(JUDGED[:1])),
        ("rounds.json", RSA, "rounds.json: holds 3 arrangements, choose one as FILE::KEY: round0, round1, round2"),
        ("rounds.json::round2", RSA, agreement(JUDGED[2:])),
        ("rounds.json::round9", RSA, "rounds.json: holds 0 arrangements called 'round9', choose one as"),
        *((f"{name}.json", RSA, agreement()) for name in ("several", "absent", "one_task", "by_name")),
        ("several.json::brave-owl", RSA, agreement(JUDGED[1:2])),
        ("two_tasks.json", RSA, "two_tasks.json: holds 6 arrangements, choose one as FILE::KEY: round0, round1"),
        ("two_tasks.json::round0", RSA, agreement(JUDGED[:1])),
        ("two_tasks.json::calm-bee", RSA, "two_tasks.json: holds 2 arrangements called 'calm-bee', choose one as"),
        ("broken.json", RSA, f"broken.json: {NO_TREE}"),
        ("none.json", RSA, "none.json: a JSON file holds trials, and no judgments"),
        ("odd.json", RSA, f"odd.json: {NO_TREE}"),
        ("short.json", RSA, "short.json: must hold different names, and a number for each pair of them; got 12 of 12"),
        ("other.json", RSA, "other.json: "),
        ("cut.json", RSA, "cut.json: is not JSON: "),
    ],
    rsa_toolbox_files: [
        ("rdms.mat", RSA, agreement()),
        ("rows.mat", RSA, agreement()),
        ("both.mat", RSA, "both.mat: holds several arrays of RDMs, choose one as FILE::KEY: RDMs, Models"),
        ("both.mat::RDMs", RSA, agreement()),
        ("rdms.mat::RDMs(2).RDM", (*RSA[:-1], "--kind", "dissimilarity", "--human"), agreement(JUDGED[1:2])),
        ("sizes.mat", RSA, "sizes.mat: RDMs must hold RDMs of one size; RDMs(2).RDM has shape (5, 5)"),
        ("cut.mat", RSA, "cut.mat: is not a sound .mat file ("),
        ("nested.mat", RSA, "nested.mat: holds structs in structs, more than 32 deep"),
    ],
    rsa_toolbox_files_of_version_73: [
        ("new.mat", RSA, agreement()),
        ("new.mat::RDMs(2).RDM", (*RSA[:-1], "--kind", "dissimilarity", "--human"), agreement(JUDGED[1:2])),
        ("two_new.mat", RSA, "two_new.mat: holds several arrays of RDMs, choose one as FILE::KEY: Models, RDMs"),
    ],
    matlab_4_files: [("old.mat", RSA, agreement(JUDGED[:1]))],
    human_alignment_files: [
        ("features.pkl::custom/clip_RN50/penultimate", SCORE, accuracy(X)),
        ("transforms.pkl::custom/clip_RN50/penultimate", MAPPED, accuracy(mapped())),
        ("transforms.pkl::torchvision/vgg16/logits", MAPPED, accuracy(mapped(bias=BIAS))),
        ("transforms.pkl::torchvision/resnet/avg", MAPPED, accuracy(mapped(bias=BIAS))),
        ("transforms.pkl::ssl/vicreg/avg", MAPPED, accuracy(X / 2 @ MAP)),
        ("transforms.pkl", MAPPED, "transforms.pkl: holds several maps, choose one as FILE::KEY: custom/clip_RN50"),
        ("transforms.pkl::custom/no", MAPPED, "transforms.pkl: has no map 'custom/no', choose one as FILE::KEY: "),
        ("no.pkl::custom/no", MAPPED, "no.pkl: No such file or directory"),
        ("transform.npz", MAPPED, accuracy(mapped(bias=BIAS))),
        ("transform.npy", MAPPED, accuracy(mapped())),
        ("glocal.npz", MAPPED, accuracy(mapped(bias=BIAS))),
        ("glocal.pkl", MAPPED, accuracy(mapped(bias=BIAS))),
        ("floats.pkl", MAPPED, accuracy(X / 2 @ MAP)),
        ("mean.npz", MAPPED, "mean.npz: a transform holds weights, perhaps bias, mean and std; 'std' is missing"),
        ("results.pkl", SCORE, "results.pkl: is not a sound pickle file (it asks for 'pandas."),
        ("cut.pkl", MAPPED, "cut.pkl: is not a sound pickle file ("),
        ("model_dict.json::clip_RN50/penultimate", COOLED, accuracy(X, "dot")),
    ],
    thingsvision_files: [
        *((f"clip_{suffix}", SCORE, accuracy(X)) for suffix in ("npy", "hdf5", "pt", "txt")),
        ("bare/features.mat", SCORE, accuracy(X)),
        ("clip_mat", SCORE, "clip_mat: features.mat: holds an array for each image, and not in which order the images"),
    ],
    cblearn_files: [
        ("order.npy", ANCHORED, 1.0),
        ("boolean.npz", ANCHORED, "boolean.npz: holds a response to each query, as cblearn has it"),
        ("boolean.npz::query", ANCHORED, "boolean.npz: holds a response to each query, as cblearn has it"),
    ],
    dimension_files: [
        ("spose_embedding_6d_sorted.txt", SCORE, accuracy(np.abs(X))),
        ("final_embedding.npy", SCORE, accuracy(np.abs(X))),
        ("test_10.txt", ODD_LAST, accuracy(X)),
    ],
    brainscore_files: [
        ("assembly.nc", (*ODD_LAST[:-1], "--choice-column", "stimulus_id", "-t"), accuracy(X)),
        ("assembly.nc", ODD_LAST, "assembly.nc: 'data', 'stimulus_id' may say which item is odd; --choice-column "),
        ("assembly.nc", SCORE, "assembly.nc: a netCDF file holds trials, and no embeddings"),
        ("recording.nc", ODD_LAST, "recording.nc: must hold trials, variables of one length; got data (12, 6)"),
        ("no_trials.nc", ODD_LAST, "no_trials.nc: must hold trials, variables of one length; got image_1 (0,) int64"),
        ("cut.nc", ODD_LAST, "cut.nc: is not a sound HDF5 file ("),
        ("classic.nc", ODD_LAST, "classic.nc: is not a sound HDF5 file ("),
    ],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("peers")


@pytest.fixture
def written(folder, monkeypatch):
    """``written(files)``: the working folder, in which that writer has left its files."""
    monkeypatch.chdir(folder)

    def write(files):
        place = folder / files.__name__
        if not place.exists():
            place.mkdir()
            monkeypatch.chdir(place)
            np.save("x.npy", X)
            np.save("t.npy", TRIPLETS)
            Path("names.txt").write_text("".join(f"{name}\n" for name in OBJECTS))
            files()
        monkeypatch.chdir(place)

    return write


@pytest.mark.parametrize(
    "files,file,command,expected",
    [
        pytest.param(files, *case, id=f"{case[0]}-{case[1][0]}-{k}")
        for files, cases in CASES.items()
        for k, case in enumerate(cases)
    ],
)
def test_a_file_of_a_peer_is_read_or_refused_by_its_name(written, capsys, files, file, command, expected):
    written(files)
    capsys.readouterr()
    try:
        code = main([*command, file, "--json", "--quiet"])
    except SystemExit as stop:
        code = stop.code
    out, err = capsys.readouterr()
    if isinstance(expected, str):
        assert code in (1, 2) and out == ""
        assert err.startswith(f"pyalign {command[0]}: error: {expected}") and err.count("\n") == 1, err
        return
    assert code == 0, err
    found = json.loads(out)["results"][0]
    figure = found["value"] if command[0] == "rsa" else found["accuracy"]
    assert figure == pytest.approx(expected, abs=1e-12)
