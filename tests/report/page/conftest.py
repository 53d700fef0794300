"""What the tests of pages share: documents of real calls on small data, pages, and a browser that looks at them."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import draw_triplets

import pyalign

N, T = 40, 900
NAMES = ("zoo/clip.npy", "zoo/vgg.npy", '<script>alert(1)<\\script> "quoted" & שלום')
ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
)


def _named(result, **fields):
    """As commands make it: with the name of the triplets."""
    return replace(result, triplets="data/human.npy", **fields)


@pytest.fixture(scope="session")
def results():
    """name -> result, of three models of 40 objects and the answers of a fourth that is like the first."""
    rng = np.random.default_rng(0)
    human = rng.normal(size=(N, 5))
    noise = rng.normal(size=(3, N, 5))
    models = {name: human + scale * noise[k] for k, (name, scale) in enumerate(zip(NAMES, (0.5, 1, 2), strict=True))}
    triplets = draw_triplets(1, N, T)
    odd = pyalign.odd_one_out(human, triplets, measure="dot")
    rows = np.arange(T)
    answers = triplets.copy()
    answers[rows, 2], answers[rows, odd] = triplets[rows, odd], triplets[rows, 2]
    repeated = np.concatenate([answers[:60], answers[:60, [1, 0, 2]], answers[:60][:, [0, 2, 1]]])
    answers = np.concatenate([answers[: T - len(repeated)], repeated])
    scores = pyalign.score(models, answers, ci="objects")
    few = {name: models[name] for name in NAMES[:2]}
    return {
        "score": _named(scores),
        "compare": _named(pyalign.compare(models, answers)),
        "calibrate": _named(pyalign.calibrate(models, answers)),
        "ceiling": _named(pyalign.noise_ceiling(answers)),
        "agreement": _named(pyalign.agreement(models, repeated)),
        "recover": _named(pyalign.recover(few, answers[:200], n_simulations=10, n_triplets=[50, 200])),
        "cka": pyalign.cka(models, n_permutations=10),
    }


@pytest.fixture
def documents(results, tmp_path):
    """A folder with a document of each."""
    folder = tmp_path / "results"
    folder.mkdir()
    for name, one in results.items():
        (folder / f"{name}.json").write_text(one.to_json(), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def held(results):
    """name -> document, as JSON has it."""
    return {name: json.loads(one.to_json()) for name, one in results.items()}


@dataclass
class Opened:
    """A page in the browser. `page`: of Playwright; `errors`: of the console; `requests`: beyond the file itself."""

    page: Any
    errors: list[str]
    requests: list[str]

    def wait(self, expression: str, argument: Any = None, seconds: float = 60) -> None:
        """Waits until an expression, or a function of the argument, is true.

        Playwright's own `wait_for_function` evaluates text in the page from its second look on, which the page's policy
        forbids: it passes where the first look is late enough, and fails otherwise.
        """
        end = time.monotonic() + seconds
        while not self.page.evaluate(expression, argument):
            assert time.monotonic() < end, f"never true: {expression}"
            self.page.wait_for_timeout(20)


@pytest.fixture(scope="module")
def browser():
    """Debian's chromium, driven by Playwright; one for each module."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no chromium is installed (Debian: apt-get install chromium)")
    with playwright.sync_playwright() as driver:
        made = driver.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        yield made
        made.close()


@pytest.fixture
def opened(browser, tmp_path):
    """opened(html, width=1280, **options of a context) -> `Opened`; `html`: a page as text, or the path of one."""
    contexts = []

    def open_page(html: str | Path, width: int = 1280, **options: Any) -> Opened:
        path = html if isinstance(html, Path) else tmp_path / f"page{len(contexts)}.html"
        if not isinstance(html, Path):
            path.write_text(html, encoding="utf-8")
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        context.set_default_timeout(60_000)
        found = Opened(context.new_page(), [], [])
        found.page.on("console", lambda m: found.errors.append(m.text) if m.type in ("error", "warning") else None)
        found.page.on("pageerror", lambda error: found.errors.append(str(error)))
        found.page.on("request", lambda r: _beyond(r.url) and found.requests.append(r.url))
        found.page.goto(path.as_uri())
        return found

    yield open_page
    for context in contexts:
        context.close()


def _beyond(url: str) -> bool:
    return not url.startswith(("file:", "data:", "blob:"))
