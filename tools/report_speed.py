"""How fast a large report is: `python tools/report_speed.py [--pictures 5000]`.

Two pages of made-up models of 300 objects: 100 models, 66 concepts and 1,000 failures; and 300 models, 66 concepts
and 5,000 pictures. Printed: seconds until the page is written, its size, seconds until it is drawn in
chromium, the memory of the browser, and milliseconds of the main thread that a filter takes. Beside seconds of the
clock stand those of the processor, which a busy machine changes less: of this process with all its threads, and of the
main thread of the page.

`python tools/report_speed.py --against CHECKOUT` compares these sources with those of another checkout instead: both
write the page of 100 models in turn, eleven times, and the ratio of their seconds of the processor is printed. The
figure stands in docs/report.md.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import pyalign
from pyalign.extraction.images import as_images
from pyalign.report.page.write import write_report

CHROMIUM = "/usr/bin/chromium"
PAIRS = 11
WRITER = """
import sys, time
sources, documents, page = sys.argv[1:]
sys.path.insert(0, sources)
from pyalign.report.page.write import write_report
for line in sys.stdin:
    before = time.process_time()
    write_report(documents, page)
    print(time.process_time() - before, flush=True)
"""
OBJECTS, CONCEPTS, TRIPLETS, FAILURES = 300, 66, 3000, 1000
ADD_MODEL = """(k) => {
    document.querySelector('.by-model select').value = String(k);
    document.querySelector('.by-model button').click();
}"""
CHOOSE_MODEL = """(k) => {
    const box = document.querySelector('#concepts-table .table-tools select');
    box.selectedIndex = k + 1;
    box.dispatchEvent(new Event('change'));
}"""
OPEN_FAILURE = "(k) => (location.hash = `#failure-${k + 1}`)"


def documents(count: int, folder: Path) -> None:
    """What `score`, `concepts` and `failures` write of so many models, by real calls; concepts a document each."""
    rng = np.random.default_rng(0)
    names = tuple(f"object {k}" for k in range(OBJECTS))
    human = np.abs(rng.normal(size=(OBJECTS, CONCEPTS)))
    triplets = np.stack([rng.permutation(OBJECTS)[:3] for _ in range(TRIPLETS)])
    models = {f"family{k % 7}/model-{k}.npy": pyalign.Embeddings(human @ rng.normal(size=(CONCEPTS, 16)), names)
              for k in range(count)}
    (folder / "score.json").write_text(pyalign.score(models, triplets, ci="objects").to_json())
    failed = pyalign.find_failures(models, triplets, min_models=1, limit=FAILURES)
    (folder / "failures.json").write_text(failed.to_json())
    labels = [f"a concept of two words {k}" for k in range(CONCEPTS)]
    first = next(iter(models))
    one = pyalign.score_concepts(
        {first: models[first]}, triplets, human, dimension_labels=labels, ci="objects", top_objects=8
    )
    plain = json.loads(one.to_json())
    for k, name in enumerate(models):
        (folder / f"concepts-{k}.json").write_text(json.dumps(_renamed(plain, name, rng)))


def _renamed(document: Any, name: str, rng: np.random.Generator) -> Any:
    """The same of another model, with figures of its own."""
    found = copy.deepcopy(document)
    (result,) = found["results"]
    result["embeddings"] = name
    shift = float(rng.normal(0, 0.05))
    for row in result["concepts"]:
        if row["accuracy"] is not None:
            row["accuracy"] = min(1.0, max(0.0, row["accuracy"] + shift))
    result["accuracy"] += shift
    found["provenance"]["inputs"] = []
    return found


def gallery(count: int, folder: Path) -> None:
    """A search whose page shows so many different objects."""
    shown = range(count // 11)
    rows = [{"query": f"picture {11 * k}", "rank": rank, "neighbor": f"picture {11 * k + rank}", "row": 0,
             "similarity": 1 - rank / 20} for k in shown for rank in range(1, 11)]
    for part in range(0, len(rows), 240):  # a page shows 24 queries of each search
        held = rows[part : part + 240]
        queries = len(held) // 10
        (folder / f"neighbors-{part}.json").write_text(json.dumps({
            "command": "neighbors", "schema": 1, "version": pyalign.__version__, "embeddings": "model.npy", "n": count,
            "d": 8, "k": 10, "n_queries": queries, "measure": "cosine", "kind": "similarity", "units": "a cosine",
            "backend": "native", "index": "flat", "exact": True, "n_omitted": 0, "left_out": [],
            "query_rows": list(range(queries)), "results": held,
        }))


def photographs(count: int) -> Any:
    """Small pictures, as hard to compress as photographs are."""
    rng = np.random.default_rng(1)
    coarse = rng.integers(0, 256, (count, 8, 8, 3), dtype=np.uint8)
    return as_images(np.repeat(np.repeat(coarse, 12, axis=1), 12, axis=2), names=[f"picture {k}" for k in range(count)])


def descendants() -> list[int]:
    """Processes that this one has started, and theirs."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, ValueError):
                continue
    found = [os.getpid()]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found[1:]


def memory() -> tuple[float, float]:
    """MB of the largest renderer, and of all processes of the browser, each page of memory counted once."""
    renderers, whole = [0.0], 0.0
    for process in descendants():
        try:
            command = Path(f"/proc/{process}/cmdline").read_text()
            rollup = Path(f"/proc/{process}/smaps_rollup").read_text()
        except OSError:
            continue
        size = next(int(line.split()[1]) / 1000 for line in rollup.splitlines() if line.startswith("Pss:"))
        whole += size if "chrom" in command else 0.0
        if "--type=renderer" in command:
            renderers.append(size)
    return max(renderers), whole


def meter(page: Any) -> Callable[[], dict[str, float]]:
    """Tells the seconds of the processor that the main thread of a page has taken: all of its tasks, and scripts."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def spent() -> dict[str, float]:
        metrics = {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
        return {name: metrics[name] for name in ("TaskDuration", "ScriptDuration")}

    return spent


def since(before: dict[str, float], after: dict[str, float]) -> dict[str, float]:
    """What was spent between."""
    return {name: value - before[name] for name, value in after.items()}


def told(spent: dict[str, float]) -> str:
    """The same in words."""
    return f"{spent['TaskDuration']:.2f} s, of these scripts {spent['ScriptDuration']:.2f} s"


def answer(page: Any, act: str) -> float:
    """Milliseconds of the main thread that an answer takes, layout and painting included: the median of nine."""
    spent = meter(page)
    times = []
    for k in range(9):
        before = spent()["TaskDuration"]
        page.evaluate(act, k)
        page.wait_for_timeout(300)
        times.append(1000 * (spent()["TaskDuration"] - before))
    return statistics.median(times)


def looked_at(path: Path, pictures: bool) -> None:
    """Opens a page and prints what it takes."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        spent = meter(page)
        start, before = time.perf_counter(), spent()
        page.goto(path.as_uri())
        print(f"  loaded: {time.perf_counter() - start:.2f} s; main thread {told(since(before, spent()))}")
        page.wait_for_selector(".card", state="attached")
        page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
        print(f"  with charts: {time.perf_counter() - start:.2f} s; main thread {told(since(before, spent()))}")
        page.wait_for_timeout(3000)
        print("  memory: renderer {:.0f} MB, whole browser {:.0f} MB".format(*memory()))
        for what, act in (("failures of a model", ADD_MODEL), ("concepts of a model", CHOOSE_MODEL),
                          ("opening a failure", OPEN_FAILURE)):
            print(f"  {what}: {answer(page, act):.0f} ms of the main thread")
        if pictures:
            page.evaluate("location.hash = ''")
            height = page.evaluate("document.documentElement.scrollHeight")
            for top in range(0, height, 800):
                page.evaluate(f"scrollTo({{top: {top}, behavior: 'instant'}})")
                page.wait_for_timeout(30)
            print("  after all pictures: renderer {:.0f} MB, whole browser {:.0f} MB".format(*memory()))
        browser.close()


def measure(models: int, pictures: int) -> None:
    """One page."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place, "results")
        folder.mkdir()
        documents(models, folder)
        if pictures:
            gallery(pictures, folder)
        images = photographs(pictures) if pictures else None
        start, before = time.perf_counter(), time.process_time()
        made = write_report(folder, Path(place, "report.html"), images=images)
        print(f"{models} models, {CONCEPTS} concepts, {pictures} pictures: {', '.join(made.sections)}")
        for note in made.notes:
            print(f"  note: {note}")
        took, worked = time.perf_counter() - start, time.process_time() - before
        print(f"  written: {took:.2f} s, of the processor {worked:.2f} s; {made.bytes / 1e6:.2f} MB")
        looked_at(Path(place, "report.html"), bool(pictures))


def compare_with(checkout: Path) -> None:
    """Prints how long the page of 100 models takes, and how long it takes with the sources of another checkout."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place, "results")
        folder.mkdir()
        documents(100, folder)
        writers = [
            subprocess.Popen(
                [sys.executable, "-c", WRITER, sources, folder, Path(place, f"{k}.html")],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
            )
            for k, sources in enumerate((Path(pyalign.__file__).parents[1], checkout.resolve()))
        ]

        def seconds(writer: subprocess.Popen[str]) -> float:
            writer.stdin.write("\n")
            return float(writer.stdout.readline())

        for writer in writers:  # the first page of a process also loads the library of charts
            seconds(writer)
        times = [[seconds(writer) for writer in writers[:: (-1) ** k]][:: (-1) ** k] for k in range(PAIRS)]
        for writer in writers:
            writer.communicate()
    ours, theirs = np.median(times, axis=0)
    low, ratio, high = np.percentile([ours / theirs for ours, theirs in times], (20, 50, 80))
    print(f"{ours:.2f} s of the processor, {theirs:.2f} s with {checkout}")
    print(f"{ratio:.3f} times as long ({low:.3f} to {high:.3f}, the 20th and 80th percentile of {PAIRS} pairs)")


def main() -> None:
    """Both pages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=5000, help="of the second page; 0: without it")
    parser.add_argument("--against", type=Path, metavar="CHECKOUT", help="compare with the sources there instead")
    options = parser.parse_args()
    if options.against:
        compare_with(options.against)
        return
    measure(100, 0)
    if options.pictures:
        measure(300, options.pictures)


if __name__ == "__main__":
    main()
