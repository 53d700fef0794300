"""Routes of the GPU backends that the environment chooses: tests/route_checks.py on kernels that run on the CPU."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from support import run_python

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed")


def checks(name):
    folder = str(ROOT / "tests")
    return f"\nimport sys\nsys.path.insert(0, {folder!r})\nimport route_checks\nroute_checks.main({name!r})"


@pytest.mark.skipif(sys.platform != "linux", reason="the emulator needs GNU ld")
def test_each_route_of_the_cuda_kernels_gives_the_same(load_emulated):
    done = run_python(load_emulated + checks("cuda"), timeout=600)
    assert done.stdout.strip() == "all of cuda", done.stderr


@pytest.mark.of_kernels
@pytest.mark.suite("kernels")
@pytest.mark.skipif(find_spec("triton") is None, reason="triton is not installed")
def test_each_route_of_the_triton_kernels_gives_the_same():
    done = run_python(checks("triton"), timeout=600, TRITON_INTERPRET="1")
    assert done.stdout.strip() == "all of triton", done.stderr


def test_the_variable_names_at_most_one_route_of_each_operation(monkeypatch):
    from pyalign.backends._tensor_kernels import ROUTES, VARIABLE, route

    monkeypatch.delenv(VARIABLE, raising=False)
    assert [route(operation) for operation in ROUTES] == ["passes", "tiles", "size"]
    monkeypatch.setenv(VARIABLE, " gradient=sort,topk = torch")
    assert [route(operation) for operation in ROUTES] == ["torch", "tiles", "sort"]
