"""Two processes that do the same at once, one stopped at any call: the results are those of one whole run.

The first is stopped before a call that opens, writes, moves, removes or locks a file, or asks a clock; the second then
runs to its end or, where it waits for the first, until it has looked again a few times. See tests/interleaving.py.
"""

from __future__ import annotations

import ctypes
import gc
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from interleaving import Clocks, both, calls_of, code_of, in_a_process, spread
from support import draw_triplets, load_from_tools, reals

from pyalign.cli import main
from pyalign.datasets.download import Resuming
from pyalign.datasets.registry import DATASETS, Remote, Row

sys.path.append(str(Path(__file__).parent / "datasets"))
from archives import zipped
from file_server import serving

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="names of open files are read from /proc")
HOUR, DAY = 3600.0, 86400.0
WRONG_CLOCKS = [
    *(Clocks(second=seconds) for seconds in (HOUR, -HOUR, DAY, -DAY)),
    *(Clocks(files=seconds) for seconds in (HOUR, -HOUR, DAY, -DAY)),
]
MOST = 200  # calls at which two processes meet: all that change or lock something or ask a clock
AS_USUAL = ("work", Clocks())
TIMES = ("seconds", "items_per_second", "provenance")


@dataclass
class Scenario:
    """What two processes do in the folder `w`.

    first, second: give their exit codes.
    results: gives what is left there, but for times.
    may_refuse: how the message ends with which one may give way to the other.
    prints_made: whether they print what each of them has made, of which each is made once.
    needs_locks: whether one may end with a message, and nothing written, where locks tell nothing.
    wanted: the results of a run of the first, and of one of the second.
    """

    first: Callable[[], int]
    second: Callable[[], int]
    results: Callable[[], dict]
    may_refuse: str = "nobody says"
    prints_made: bool = False
    needs_locks: bool = False
    wanted: tuple = ()

    def clear(self):
        shutil.rmtree("w", ignore_errors=True)
        os.mkdir("w")


def command(*lines):
    """Commands of pyalign, one after the other, up to one that fails."""

    def run():
        return next((code for words in lines if (code := main([*words]))), 0)

    return run


def files_below(folder="w"):
    """All files, by path, and folders, which have no bytes."""
    return {str(path): path.read_bytes() if path.is_file() else None for path in Path(folder).rglob("*")}


def timeless(document):
    """A document without times."""
    if isinstance(document, list):
        return [timeless(entry) for entry in document]
    if not isinstance(document, dict):
        return document
    return {name: timeless(entry) for name, entry in document.items() if name not in TIMES}


# --- scenarios


@contextmanager
def embedding():
    words = ("embed", "-t", "t.npy", "--split", "none", "--n-dimensions", "2", "--out", "w/o", "--figures", "none",
             "--json", "w/o/o.json", "--quiet", "--penalty")
    yield Scenario(command((*words, "0.0005")), command((*words, "0.001")), files_below, needs_locks=True)


@contextmanager
def fetching():
    body = reals(3, 300, 50).tobytes()
    known = f"sha256:{hashlib.sha256(body).hexdigest()}"
    archive = zipped({"a/one.txt": b"one", "a/two.txt": b"two" * 1000})
    with serving() as server, pytest.MonkeyPatch.context() as patch:
        server.files.update({"/x.bin": body, "/y.bin": body[:5000], "/z.zip": archive})
        files = tuple(
            Remote(name, f"{server.address}/{name}", digest, name.endswith("zip"))
            for name, digest in (("x.bin", known), ("y.bin", None), ("z.zip", None))
        )
        row = Row(
            "mine", "a test", "_sample", {"names": ()}, "nowhere", "none", "none", (("x.bin", "bytes"),), files=files
        )
        patch.setitem(DATASETS, "mine", row)
        patch.setenv("PYALIGN_DATA", "w/data")

        def run():
            os.makedirs("w/d", exist_ok=True)  # an empty folder is for a download
            return main(["datasets", "fetch", "mine", "--folder", "w/d", "--quiet"])

        yield Scenario(run, run, files_below)


# Steps of which the page has no chart: drawing one takes longer than all else.
STUDY = """
[models]
a = "x.npy"
b = { extract = "pixels:1", images = "p", batch_size = 8 }
[triplets]
file = "t.npy"
[steps.failures]
limit = 5
"""


def paint(count):
    pictures = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    rng = np.random.default_rng(0)
    os.mkdir("p")
    for k in range(count):
        pictures.fromarray(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)).save(f"p/{k:02}.bmp")


@contextmanager
def studying():
    paint(30)
    Path("s.toml").write_text(STUDY)
    run = command(("study", "run", "s.toml", "--out", "w/o"))

    def results():
        return {path: record(raw) if path.startswith("w/o/records/") else raw for path, raw in files_below().items()}

    def record(raw):
        known = timeless(json.loads(raw))
        assert known.pop("sha256")  # of the record with its times
        return known

    yield Scenario(run, run, results, prints_made=True)


@contextmanager
def extracting():
    paint(5)
    words = "extract --model pixels:2 --images p --batch-size 2 --threads 1 --resume --quiet".split()
    shards = [(*words, "--shards", f"{k}/2", "--out", f"w/p{k}") for k in (1, 2)]
    run = command(*shards, ("extract", "--merge", "w/p1", "w/p2", "--out", "w/o", "--quiet"))

    def results():
        return {
            path: timeless(json.loads(raw)) if path.endswith("manifest.json") else raw
            for path, raw in files_below().items()
        }

    yield Scenario(run, run, results, may_refuse="is being written by another run")


LIBRARY = "int answer(void) { return 42; }\n"


@contextmanager
def building(most, *sources):
    """Builds as setup.py makes them, of a source each: what has been compiled before is taken from the cache."""
    tool, compiler = load_from_tools("build_cache"), shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler")
    for name in sources:
        Path(f"{name}.c").write_text(f"/* {name} */ {LIBRARY}")
        subprocess.run([compiler, "-shared", "-fPIC", "-o", f"{name}.so", f"{name}.c"], check=True)
    keys = {name: tool.key_of({"one.c": Path(f"{name}.c")}, ["facts"]) for name in sources}

    def build(name):
        target, cache = Path(f"built-{os.getpid()}"), tool.BuildCache(Path("w/cache").absolute(), most)
        target.mkdir()
        if not cache.restore(keys[name], target):
            for place in ("lib.so", "c/lib.so"):  # as if it was compiled, whatever of an entry is there
                (target / place).parent.mkdir(exist_ok=True)
                shutil.copy2(f"{name}.so", target / place)
            cache.store(keys[name], target, ["lib.so", "c/lib.so"])
        loads = [ctypes.CDLL(str(path.absolute())).answer() for path in target.rglob("*.so")]
        right = loads == [42, 42] and (target / "lib.so").read_bytes() == Path(f"{name}.so").read_bytes()
        shutil.rmtree(target)
        return 0 if right else 1

    yield Scenario(lambda: build(sources[0]), lambda: build(sources[-1]), files_below)


SCENARIOS = {
    "embed into one folder": embedding,
    "fetch into one folder": fetching,
    "one study": studying,
    "one extraction in parts": extracting,
    "one build cache": partial(building, 8, "one"),
    "one build cache with room for one": partial(building, 1, "one", "other"),
}


# --- what holds


@pytest.fixture
def scenario(tmp_path, monkeypatch, request):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    np.save("x.npy", reals(1, 30, 6))
    np.save("t.npy", draw_triplets(2, 30, 400, np.int32))
    with SCENARIOS[request.param]() as given:
        wanted = []
        for run in (given.first, given.second):
            given.clear()
            assert run() == 0  # in this process, so that those that are forked find everything loaded
            wanted.append(given.results())
        given.wanted = tuple(wanted)
        gc.freeze()  # so that those that are forked copy less
        yield given
        gc.unfreeze()


CHANGED = "was changed while it was read"  # as a file is whose time is set anew meanwhile


def require_right(scenario, ended, as_usual, aged):
    """Both have ended well, what is left is that of one whole run, and the next finds it or makes it again."""
    for code, told in zip(ended.codes, ended.told, strict=True):
        assert "Traceback" not in told
        if code:
            endings = (scenario.may_refuse, CHANGED) if aged else scenario.may_refuse
            assert told.count("error:") == 1 and told.splitlines()[-1].endswith(endings)
    if not (aged and any(told.rstrip().endswith(CHANGED) for told in ended.told)):
        assert 0 in ended.codes
        left = scenario.results()
        assert left in scenario.wanted, min((differing(left, wanted) for wanted in scenario.wanted), key=len)
    if scenario.prints_made and as_usual:
        made = Counter(line.split("  ")[0] for told in ended.told for line in told.splitlines() if "  made  " in line)
        assert made and set(made.values()) == {1}, made
    assert code_of(in_a_process(scenario.second, "third")) == 0, Path("third").read_text()
    left = scenario.results()  # of the third run; a cache keeps what is the newest by wrong clocks
    assert left == scenario.wanted[1] or (not as_usual and left in scenario.wanted), "the third run"


def differing(left, right):
    return sorted(path for path in {*left, *right} if left.get(path, "") != right.get(path, ""))


def chosen_points(calls, most):
    """At most so many calls that change something, and looks at what is there, up to half of that in all.

    Before what only forces writes to disk, and between two events of one call, others find what they find at the next.
    """
    acts = [
        k for k, call in enumerate(calls)
        if not call.startswith(("os.stat", "os.fsync")) and not (call.startswith("open") and call == calls[k - 1])
    ]
    looks = [k for k, call in enumerate(calls) if call.startswith("os.stat")]
    points = [acts[k] for k in spread(len(acts), most)]
    return sorted([*points, *(looks[k] for k in spread(len(looks), max(0, most // 2 - len(points))))])


def faults_of(scenario, most, conditions):
    """What is wrong where the first process is stopped at each of so many calls, under each condition in turn."""
    scenario.clear()
    calls, code = calls_of(scenario.first, "w")
    assert code == 0
    faults = []
    for number, point in enumerate(chosen_points(calls, most)):
        locks, clocks = conditions[number % len(conditions)]
        for place in range(point, -1, -10):  # how many calls a process makes depends on its threads
            scenario.clear()
            ended = both(scenario.first, scenario.second, "w", place, locks, clocks=clocks)
            if ended.was_stopped:
                break
        assert ended.was_stopped
        try:
            require_right(scenario, ended, (locks, clocks) == AS_USUAL, bool(clocks.files))
        except AssertionError as error:
            faults.append((place, calls[place], locks, clocks, ended.codes, *ended.told, str(error)[:500]))
    return faults


@pytest.mark.parametrize("scenario", SCENARIOS, indirect=True)
def test_two_processes_that_meet_at_some_calls_leave_the_results_of_one(scenario):
    assert faults_of(scenario, 10, [AS_USUAL]) == []


@pytest.mark.slow
@pytest.mark.parametrize("scenario", SCENARIOS, indirect=True)
def test_two_processes_that_meet_at_any_call_leave_the_results_of_one(scenario):
    assert faults_of(scenario, MOST, [AS_USUAL]) == []


@pytest.mark.slow
@pytest.mark.parametrize("scenario", SCENARIOS, indirect=True)
def test_the_results_do_not_depend_on_clocks_that_differ_nor_on_locks_that_tell_nothing(scenario):
    without = [] if scenario.needs_locks else [("fail", Clocks()), ("everybody has them", Clocks())]
    assert faults_of(scenario, 20, [*(("work", clocks) for clocks in WRONG_CLOCKS), *without]) == []


def test_of_two_processes_that_meet_at_any_call_only_one_at_a_time_fetches_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    log = Path("w/log")

    def fetching(name, other):
        """Stays inside until the other has said that it waits, or is inside too."""

        def say(what):
            with log.open("a") as file:
                file.write(f"{name} {what}\n")

        def run():
            with Resuming(Path("w/x.bin.part"), lambda *_: say("waits")).claimed():
                say("begins")
                while other not in log.read_text():
                    time.sleep(0.001)  # which lets the first go on, where it is stopped
                say("ends")
            return 0

        return run

    first, second = fetching("first", "second"), fetching("second", "first")
    os.mkdir("w")
    log.write_text("second\n")
    calls, code = calls_of(first, "w")
    points = range(calls.index(f"open {log.absolute()}"))  # until it says that it begins
    assert code == 0 and len(points) >= 4
    for point in points:
        log.write_text("")
        ended = both(first, second, "w", point)
        told = log.read_text().split()[1::2]
        assert ended.codes == (0, 0) and ended.was_stopped, (calls[point], ended.told)
        assert [word for word in told if word != "waits"] == ["begins", "ends"] * 2, (calls[point], told)
