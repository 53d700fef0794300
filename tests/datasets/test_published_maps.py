"""`glocal:MODEL`: a published map is fetched once, kept with its checksum, and applied like a file of one's own."""

from __future__ import annotations

import hashlib
import io
import socket

import numpy as np
import pytest
from file_server import serving
from support import reals

import pyalign
from pyalign.datasets.fetch import HASHES, MAPS
from pyalign.errors import InputError


def map_bytes(seed=0, features=6):
    buffer = io.BytesIO()
    np.savez(buffer, weights=reals(seed, features, features), mean=np.array(0.1), std=np.array(2.0))
    return buffer.getvalue()


@pytest.fixture
def server(root, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pyalign.datasets.download.WAIT", 0.0)
    with serving() as server:
        monkeypatch.setattr("pyalign.datasets.fetch.ADDRESS", server.address)
        server.files["/clip_ViT-L/14/visual/transform.npz"] = map_bytes()
        yield server


def test_a_map_is_fetched_at_its_first_use_and_its_checksum_is_recorded_and_said(server, root):
    transform = pyalign.load_transform("glocal:clip_ViT-L/14")
    assert transform.source == "glocal:clip_ViT-L/14" and transform.weights.shape == (6, 6)
    digest = hashlib.sha256(map_bytes()).hexdigest()
    assert digest in (root / "glocal" / "clip_ViT-L-14.npz.sha256").read_text()
    assert [note for note in transform.notes if digest in note and f"{server.address}/clip_ViT-L/14/visual" in note]
    again = pyalign.load_transform("glocal:clip_ViT-L/14")
    assert len(server.requests) == 1 and not any(digest in note for note in again.notes)
    assert any("fitted to triplets of THINGS" in note for note in again.notes)


def test_it_says_so_on_the_rows_that_it_is_applied_to_and_in_scores(server):
    x = pyalign.Embeddings(reals(1, 20, 6), [f"item {k}" for k in range(20)])
    transform = pyalign.load_transform("glocal:clip_ViT-L/14")
    assert set(transform.notes) <= set(transform.apply(x).notes)
    score = pyalign.score(x, pyalign.sample_triplets(reals(1, 20, 6), 50), transform=transform, ci=None)
    assert set(transform.notes) <= set(score.notes)


def test_a_file_with_another_checksum_than_at_its_first_use_is_refused(server, root):
    pyalign.load_transform("glocal:clip_ViT-L/14")
    (root / "glocal" / "clip_ViT-L-14.npz").unlink()
    server.files["/clip_ViT-L/14/visual/transform.npz"] = map_bytes(1)
    with pytest.raises(InputError, match="gives a file with another checksum than at its first fetch"):
        pyalign.load_transform("glocal:clip_ViT-L/14")


def test_a_file_that_was_put_there_by_hand_is_used_without_a_network(root, monkeypatch):
    monkeypatch.setattr("pyalign.datasets.fetch.ADDRESS", "http://127.0.0.1:9")
    folder = root / "glocal"
    folder.mkdir(parents=True)
    (folder / "clip_RN50.npz").write_bytes(map_bytes())
    assert pyalign.load_transform("glocal:clip_RN50").weights.shape == (6, 6)


def test_without_a_network_one_line_says_what_to_get_and_where_to_put_it(root, monkeypatch):
    def no_network(*arguments, **options):
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", no_network)
    monkeypatch.setenv("no_proxy", "*")
    with pytest.raises(InputError) as caught:
        pyalign.load_transform("glocal:dinov2-vit-base-p14")
    message = str(caught.value)
    assert "/gLocal/main/transforms/dinov2-vit-base-p14/norm/transform.npz" in message and "\n" not in message
    assert "there seems to be no network" in message and f"save it as {root}/glocal/dinov2-vit-base-p14.npz" in message


@pytest.mark.parametrize("name", ["efficientnet-lite0", "", "clip_RN5"])
def test_a_model_without_a_published_map_is_refused(name):
    with pytest.raises(InputError, match=f"glocal:{name}: gLocal has published no map of it") as caught:
        pyalign.load_transform(f"glocal:{name}")
    assert ("did you mean 'clip_RN50'?" in str(caught.value)) == (name == "clip_RN5")


def test_what_is_fetched_and_is_no_map_is_one_line(server):
    server.files["/clip_RN50/visual/transform.npz"] = b"junk"
    with pytest.raises(InputError, match=r"clip_RN50\.npz"):
        pyalign.load_transform("glocal:clip_RN50")


def test_models_are_those_that_the_code_of_gLocal_and_thingsvision_names():
    modules = {"alexnet": "classifier.4", "vgg16": "classifier.3", "resnet18": "avgpool", "resnet50": "avgpool"}
    assert len(MAPS) == 12 and modules.items() <= MAPS.items()
    assert {*MAPS.values()} - {*modules.values()} == {"visual", "norm"}


@pytest.mark.parametrize("name", sorted(MAPS.keys() - HASHES.keys()))
def test_each_published_map_is_fetched_from_its_address(server, name):
    server.files[f"/{name}/{MAPS[name]}/transform.npz"] = map_bytes()
    assert pyalign.load_transform(f"glocal:{name}").weights.shape == (6, 6)


def test_a_checksum_that_is_known_is_that_of_the_published_map(data):
    path = data / "glocal" / "resnet18_avgpool_transform.npz"
    assert HASHES["resnet18"] == f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"
    assert HASHES.keys() <= MAPS.keys()
