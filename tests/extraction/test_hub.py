"""Weights without a network: found in a cache, or one line at once."""

from __future__ import annotations

import os
import socket
import threading

import pytest

for package in ("torch", "timm", "huggingface_hub"):
    pytest.importorskip(package, reason=f"{package} is not installed")

from huggingface_hub import constants  # noqa: E402

from pyalign.extraction import hub  # noqa: E402
from pyalign.extraction.sources import SOURCES, load_encoder  # noqa: E402

NAMED = {
    "timm:test_vit": ("models--timm--test_vit.r160_in1k", "hf download timm/test_vit.r160_in1k model.safetensors"),
    "open_clip:ViT-B-32/openai": (
        "models--timm--vit_base_patch32_clip_224.openai",
        "hf download timm/vit_base_patch32_clip_224.openai open_clip_model.safetensors",
    ),
    "open_clip:hf-hub:some/clip": ("models--some--clip", "hf download some/clip open_clip_config.json"),
    "transformers:some/model": ("models--some--model", "hf download some/model config.json"),
}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty cache of the hub."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "hub"


@pytest.fixture
def asked(monkeypatch):
    """How long each request waits for an answer, at most."""
    real, found = hub.urllib.request.urlopen, []

    def urlopen(request, *, timeout):
        found.append(timeout)
        return real(request, timeout=timeout)

    monkeypatch.setattr(hub.urllib.request, "urlopen", urlopen)
    return found


def put(cache, repository, name, write):
    """A file of a repository, where the hub's library keeps it."""
    folder = cache / f"models--{repository.replace('/', '--')}"
    (folder / "refs").mkdir(parents=True, exist_ok=True)
    (folder / "refs" / "main").write_text("0" * 40)
    (folder / "snapshots" / ("0" * 40)).mkdir(parents=True, exist_ok=True)
    write(folder / "snapshots" / ("0" * 40) / name)


def skip_without(spec):
    source = spec.partition(":")[0]
    pytest.importorskip(source, reason=f"{source} is not installed")


@pytest.mark.parametrize("spec", NAMED)
def test_a_hub_that_is_switched_off_is_one_line_and_is_not_asked(spec, monkeypatch, cache, asked, message_of):
    skip_without(spec)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    folder, command = NAMED[spec]
    message = message_of(load_encoder, spec)
    assert asked == [] and "\n" not in message
    assert message.startswith(f"{spec}: its weights are not in the cache ({cache / folder}) and HF_HUB_OFFLINE is set;")
    assert f"'{command}' fetches them" in message


@pytest.mark.parametrize("spec", NAMED)
def test_a_hub_that_refuses_is_one_line_and_asked_once(spec, monkeypatch, asked, message_of):
    skip_without(spec)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    message = message_of(load_encoder, spec)
    assert asked == [hub.WAIT]
    assert "http://127.0.0.1:9 can't be reached" in message
    assert NAMED[spec][1] in message


def test_a_hub_that_never_answers_is_asked_once_and_given_up(monkeypatch, asked, message_of):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(1)
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setattr(hub, "WAIT", 0.3)
        message = message_of(load_encoder, "timm:test_vit")
    assert asked == [0.3]
    assert "can't be reached" in message


def test_an_address_whose_name_is_never_found_is_given_up(monkeypatch):
    """The answer comes only after it was given up: who waited for it would hear of an address that answers."""
    given_up, held = threading.Event(), socket.socket()
    monkeypatch.setattr(hub, "WAIT", 0.2)
    monkeypatch.setattr(hub.urllib.request, "urlopen", lambda *_, **__: (given_up.wait(60), held)[1])
    said = hub.why_offline("https://huggingface.co")
    given_up.set()
    assert said == "https://huggingface.co can't be reached (no answer in 0.2 s)"
    held.close()


def test_what_the_cache_holds_needs_no_network(cache, monkeypatch):
    import timm
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(5)
    made = timm.create_model("test_vit").eval()
    put(cache, "timm/test_vit.r160_in1k", "model.safetensors", lambda path: save_file(made.state_dict(), path))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(hub, "why_offline", lambda address: pytest.fail("the network was asked"))
    found = load_encoder("timm:test_vit")
    batch = torch.rand(2, *found.size)
    with torch.inference_mode():
        assert torch.equal(torch.as_tensor(found.run(batch, found.resolve(["logits"]))[0]), made(batch))
    assert found.weights.origin == "http://127.0.0.1:9/timm/test_vit.r160_in1k"


def test_of_several_files_the_first_that_is_there_is_taken(cache):
    put(cache, "a/b", "second.bin", lambda path: path.write_bytes(b"2"))
    assert hub.fetch("x", "a/b", ("first.bin", "second.bin")).endswith("second.bin")
    put(cache, "a/b", "first.bin", lambda path: path.write_bytes(b"1"))
    assert hub.fetch("x", "a/b", ("first.bin", "second.bin")).endswith("first.bin")


def test_weights_of_torchvision_are_looked_for_where_torch_keeps_them(tmp_path, monkeypatch, message_of):
    pytest.importorskip("torchvision", reason="torchvision is not installed")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(hub, "why_offline", lambda address: f"{address[:30]} can't be reached (no network)")
    message = message_of(load_encoder, "torchvision:squeezenet1_1")
    url = "https://download.pytorch.org/models/squeezenet1_1-b8a52dc0.pth"
    assert message == (
        "torchvision:squeezenet1_1/IMAGENET1K_V1: its weights are not in the cache "
        f"({tmp_path}/hub/checkpoints/squeezenet1_1-b8a52dc0.pth) and https://download.pytorch.org/m can't be reached "
        f"(no network); where there is a network, 'curl -O {url}' fetches them: put the file there, or give it as "
        "checkpoint=path"
    )


@pytest.mark.parametrize(
    "spec", ["transformers:model", "timm:local-dir:model", "open_clip:local-dir:model", "sentence-transformers:model"]
)
@pytest.mark.parametrize("name", ["config.json", "inside/tokenizer.json"])
def test_a_pipe_in_the_folder_of_a_model_is_not_waited_for(tmp_path, monkeypatch, message_of, spec, name):
    for package in SOURCES[spec.partition(":")[0]].packages:
        pytest.importorskip(package, reason=f"{package} is not installed")
    monkeypatch.chdir(tmp_path)
    os.makedirs("model/inside")
    os.mkfifo(f"model/{name}")
    message = message_of(load_encoder, spec)
    assert message == f"{spec}: model/{name} is not a regular file"
    assert message_of(load_encoder, f"random:0:{spec}") == f"random:0:{message}"
