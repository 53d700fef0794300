"""What models there are: names as sources give them, kept between calls; and what a misspelled name was meant to be."""

from __future__ import annotations

import json

import pytest
from support import run_python

from pyalign import list_models
from pyalign.extraction import sources as own
from pyalign.extraction.spelling import Known, closest, plain, propose, words

TIMM = [
    "convnext_atto.d2_in1k", "convnext_base.clip_laion2b", "convnext_base.fb_in1k", "convnext_tiny.in12k",
    "nf_resnet50.ra2_in1k", "resnet101.a1_in1k", "resnet50.a1_in1k", "resnet50.a2_in1k", "resnet50.tv_in1k",
    "resnet50_clip.openai", "vit_base_patch14_dinov2.lvd142m", "vit_base_patch16_224.augreg_in21k",
    "vit_base_patch16_224.dino", "vit_base_patch32_224.augreg_in1k", "vit_base_patch32_224.sam_in1k",
    "vit_base_patch32_clip_224.laion2b", "vit_base_patch32_clip_224.openai", "vit_large_patch14_clip_336.openai",
    "vit_small_patch14_dinov2.lvd142m",
]
CLIP = ["RN50/openai", "RN50/yfcc15m", "ViT-B-32/openai", "ViT-B-32/laion2b_s34b_b79k", "ViT-L-14/openai"]
VISION = ["resnet50", "resnet18", "vit_b_32", "vit_b_16", "convnext_base"]
FIRST = {"resnet50.tv_in1k", "vit_base_patch32_224.sam_in1k"}


@pytest.fixture
def sources(monkeypatch):
    """Three sources, of which not one is loaded."""
    held = {
        "timm": Known(tuple(TIMM), frozenset(FIRST)), "torchvision": Known(tuple(VISION)),
        "open_clip": Known(tuple(CLIP)),
    }
    monkeypatch.setattr("pyalign.extraction.sources.known_to_all", lambda source=None: held)


@pytest.mark.parametrize(
    ("name", "proposed"),
    [
        ("ViT-B/32", ["torchvision:vit_b_32", "open_clip:ViT-B-32/openai"]),
        ("vit_b_32", ["torchvision:vit_b_32", "open_clip:ViT-B-32/openai"]),
        ("resnet-50", ["timm:resnet50", "torchvision:resnet50", "open_clip:RN50/openai"]),
        ("ResNet50", ["timm:resnet50", "torchvision:resnet50"]),
        ("RN50", ["open_clip:RN50/openai", "timm:resnet50"]),
        ("clip", ["open_clip:ViT-B-32/openai", "timm:vit_base_patch32_clip_224.openai"]),
        ("dinov2", ["timm:vit_base_patch14_dinov2", "timm:vit_small_patch14_dinov2"]),
        ("dinov2_vitb14", ["timm:vit_base_patch14_dinov2"]),
        ("dino", ["timm:vit_base_patch16_224.dino"]),
        ("convnext", ["timm:convnext_base", "torchvision:convnext_base"]),
        ("resnet", ["timm:resnet50", "torchvision:resnet50"]),
        ("ViT-L/14@336px", ["timm:vit_large_patch14_clip_336"]),
        ("clip-vit-b32", ["timm:vit_base_patch32_clip_224"]),
        ("tim:resnet50", ["timm:resnet50"]),
        ("resnet50.a3", ["timm:resnet50.a"]),
        ("resnett101", ["timm:resnet101"]),
    ],
)
def test_other_spellings_find_what_was_meant(sources, name, proposed):
    found = closest(name, own.known_to_all())
    assert len(found) <= 3
    assert all(one.startswith(start) for one, start in zip(found, proposed, strict=False)), found
    assert len(found) >= min(2, len(proposed))


def test_an_architecture_stands_before_its_default_tag_and_that_before_the_others(sources):
    assert closest("timm:vit-base-patch32-224", own.known_to_all())[:2] == [
        "timm:vit_base_patch32_224",
        "timm:vit_base_patch32_224.sam_in1k",
    ]
    known_to_timm = [name for name in TIMM if name.startswith("resnet50.")]
    assert closest("resnet_50", known_to_timm) == ["resnet50", "resnet50.a1_in1k", "resnet50.a2_in1k"]


def test_what_is_like_nothing_has_no_proposal(sources):
    assert all(closest(name, own.known_to_all()) == [] for name in ("xyzzy", "", "///"))
    assert propose("xyzzy", TIMM) == ""
    assert propose("resnet 101", TIMM) == "; did you mean 'resnet101' or 'resnet101.a1_in1k'?"


def test_words_and_plain_forms():
    assert plain("ViT-B/32") == plain("vit_b_32")
    assert words("mobilenet_v2") == words("mobilenetv2")
    assert words("ViT-B/32") <= words("vit_base_patch32_clip_224.openai")


# The lists


def test_patterns_are_parts_or_have_signs(sources):
    assert list_models("RESNET50.a") == ["timm:resnet50.a1_in1k", "timm:resnet50.a2_in1k"]
    assert list_models("resnet*") == [
        "timm:resnet101.a1_in1k", "timm:resnet50.a1_in1k", "timm:resnet50.a2_in1k", "timm:resnet50.tv_in1k",
        "timm:resnet50_clip.openai", "torchvision:resnet18", "torchvision:resnet50",
    ]
    assert list_models("open_clip:rn50/*") == ["open_clip:RN50/openai", "open_clip:RN50/yfcc15m"]


def test_an_unknown_source_proposes_one(message_of):
    assert message_of(list_models, None, "tim").endswith("got 'tim'; did you mean 'timm'?")


@pytest.fixture
def asked(monkeypatch):
    """How often timm was asked."""
    pytest.importorskip("timm", reason="timm is not installed")
    from pyalign.extraction import _timm

    calls = []
    monkeypatch.setattr(_timm, "names", lambda: calls.append(1) or ["resnet50.a1_in1k"])
    monkeypatch.setattr(own, "_first", lambda source: [])
    return calls


def test_names_are_asked_for_once_and_again_where_a_package_has_changed(asked, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for _ in range(3):
        assert own.known_names("timm").names == ("resnet50.a1_in1k",)
    assert len(asked) == 1
    monkeypatch.setattr(own, "__version__", "another")
    own.known_names("timm")
    assert len(asked) == 2


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b'{"key": 1}', b'{"names": 3}', b"[" * 100_000])
def test_a_damaged_cache_is_asked_again(asked, tmp_path, monkeypatch, content):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    own.known_names("timm")
    (place,) = (tmp_path / "pyalign").iterdir()
    place.write_bytes(content)
    assert own.known_names("timm").names == ("resnet50.a1_in1k",)
    document = json.loads(place.read_text())
    place.write_text(json.dumps({**document, "names": [3]}))
    assert own.known_names("timm").names == ("resnet50.a1_in1k",)
    assert len(asked) == 3


def test_a_cache_that_can_not_be_written_changes_nothing(asked, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert own.known_names("timm").names == ("resnet50.a1_in1k",)


@pytest.mark.slow
def test_the_second_list_of_all_models_loads_no_library(tmp_path, monkeypatch):
    timm = pytest.importorskip("timm", reason="timm is not installed")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert list_models(source="timm") == [f"timm:{name}" for name in sorted(timm.list_models(pretrained=True))]
    code = (
        "import sys, pyalign; print(len(pyalign.list_models('resnet50', 'timm')), {'torch', 'timm'} & {*sys.modules})"
    )
    done = run_python(code)
    assert done.stdout.split() == [str(len(list_models("resnet50", "timm"))), "set()"], done.stderr
    near = closest("resnet-50", own.known_to_all())
    assert near[:2] == ["timm:resnet50", "timm:resnet50.a1_in1k"] or "torchvision" in str(near)
