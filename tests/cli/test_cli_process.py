"""The real command, as a process: exit codes, clean streams, pipes, signals, limits, completion."""

from __future__ import annotations

import json
import os
import pty
import resource
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import numpy as np
import pytest
from support import NAMELESS, reals

import pyalign

SCORE = ("score", "--quiet", "--embeddings", "x.npy", "--triplets", "t.npy")


def installed():
    """The `pyalign` that belongs to this Python."""
    beside = Path(sysconfig.get_path("scripts"), "pyalign")
    return str(beside) if beside.exists() else shutil.which("pyalign")


def test_the_command_and_the_module_are_the_same(process):
    program = installed()
    if program is None:
        pytest.skip("no pyalign command beside this Python")
    for args in (["score"], ["describe", "missing.npy"]):
        one, other = process(*args, program=[program]), process(*args)
        assert (one.returncode, one.stdout, one.stderr) == (other.returncode, other.stdout, other.stderr)


def test_version(process):
    ran = process("--version")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, f"pyalign {pyalign.__version__}\n", "")


@pytest.mark.parametrize(
    "args,code",
    [
        ([*SCORE], 0),
        ([*SCORE, "--json"], 0),
        (["info"], 0),
        (["--help"], 0),
        (["score", "--embeddings", "missing.npy", "--triplets", "t.npy"], 1),
        ([*SCORE, "--measure", "cosin"], 1),
        (["describe", "."], 1),
        ([], 2),
        (["scroe"], 2),
        (["score"], 2),
        ([*SCORE, "--typo"], 2),
        ([*SCORE, "--threads", "0"], 2),
        ([*SCORE, "--columns", "0,1"], 2),
        ([*SCORE, "--temperature", "hot"], 2),
    ],
    ids=lambda value: " ".join(value[-2:]) if isinstance(value, list) else str(value),
)
def test_exit_codes_are_0_good_1_bad_input_2_usage(command, folder, args, code):
    ran = command(*args)
    assert ran.code == code and bool(ran.out) == (code == 0)
    lines = ran.err.splitlines()
    assert len(lines) == code  # a mistake in the words: what it is, and where to look
    if code == 2:
        prefix = "pyalign score" if args[:1] == ["score"] else "pyalign"
        assert lines[0].startswith(f"{prefix}: error: ")
        assert lines[1] == f"try '{prefix} --help'"


@pytest.mark.parametrize("args, code", [(SCORE, 0), (["describe", "."], 1), ([*SCORE, "--typo"], 2)], ids=str)
def test_a_process_ends_with_these_codes(process, folder, args, code):
    ran = process(*args)
    assert (ran.returncode, bool(ran.stdout), len(ran.stderr.splitlines())) == (code, code == 0, code)


def test_stdout_is_one_json_document_and_nothing_else(process, folder):
    ran = process(*SCORE, "--measure", "cosine", "dot", "--json")
    assert ran.stderr == ""
    assert len(json.loads(ran.stdout)["results"]) == 2


@pytest.mark.compiled
def test_threads_and_instruction_set_follow_the_environment(process, folder):
    facts = json.loads(process("info", "--json", env={"PYALIGN_ISA": "base", "PYALIGN_NUM_THREADS": "3"}).stdout)
    assert (facts["instruction_set"], facts["threads"]) == ("base", 3)


def test_score_imports_numpy_and_none_of_the_frameworks(process, folder):
    code = "import sys; from pyalign.cli import main; main(sys.argv[1:]); print(*sys.modules)"
    loaded = set(process(*SCORE, program=[sys.executable, "-c", code]).stdout.split())
    assert "numpy" in loaded
    assert not loaded & {"torch", "scipy", "h5py", "pyarrow", "pandas", "matplotlib", "sklearn", "argcomplete"}


# Streams


@pytest.fixture
def many(folder):
    """A triplet file whose choices are more than a pipe holds."""
    np.save("many.npy", np.tile(np.load("t.npy"), (500, 1)))
    return "many.npy"


def test_a_reader_that_leaves_early_is_no_error(folder, many):
    command = [sys.executable, "-m", "pyalign", *SCORE[:-1], many, "--choice-column", "none"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout.readline() in ("0\n", "1\n", "2\n")
        running.stdout.close()
        assert running.stderr.read() == ""
        assert running.wait(120) in (0, 1)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
@pytest.mark.parametrize("args", [[*SCORE], ["info"]], ids=str)
def test_a_full_disk_behind_stdout_is_an_error(process, folder, args):
    with open("/dev/full", "w") as full:
        ran = process(*args, stdout=full)
    assert ran.returncode == 1
    assert ran.stderr == f"pyalign {args[0]}: error: No space left on device\n"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
@pytest.mark.parametrize("args", [["--version"], ["triplets", "draw", "-h"]], ids=str)
def test_help_that_a_full_disk_does_not_take_is_an_error(process, args):
    with open("/dev/full", "w") as full:
        ran = process(*args, stdout=full)
    assert (ran.returncode, ran.stderr) == (1, f"{' '.join(['pyalign', *args[:-1]])}: error: No space left on device\n")


@pytest.mark.parametrize(
    "args, code", [(["describe", "missing.npy"], 1), (["scroe"], 2), ([*SCORE[:1], *SCORE[2:]], 0)]
)
def test_a_closed_stderr_sends_nothing_to_stdout_or_into_files(process, folder, listing, args, code):
    before, table = listing(folder), process(*args).stdout
    ran = process(*args, stderr=None, preexec_fn=lambda: os.close(2))
    assert (ran.returncode, ran.stdout) == (code, table)
    assert bool(ran.stdout) == (code == 0)
    assert listing(folder) == before


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
@pytest.mark.parametrize("args, code", [(["describe", "missing.npy"], 1), (["scroe"], 2)], ids=str)
def test_a_full_disk_behind_stderr_changes_no_exit_code(process, folder, args, code):
    with open("/dev/full", "w") as full:
        ran = process(*args, stderr=full)
    assert (ran.returncode, ran.stdout) == (code, "")


@pytest.mark.parametrize("args", [[*SCORE, "--choices", "c.npy"], [*SCORE, "--json"]], ids=str)
def test_a_closed_stdout_does_not_end_in_a_traceback(process, folder, args):
    ran = process(*args, stdout=None, preexec_fn=lambda: os.close(1))
    assert ran.stderr == "" or len(ran.stderr.splitlines()) == 1
    assert "Traceback" not in ran.stderr
    assert ran.returncode in (0, 1)


@pytest.mark.parametrize(
    "name, encoding", [("ü 日本.npy", "ascii"), ("ü 日本.npy", "latin-1"), ("\udcff.npy", "utf-8")], ids=ascii
)
def test_any_file_name_can_be_printed_in_any_encoding(process, folder, name, encoding):
    shutil.copy("x.npy", name)
    env = {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    for args in (["score", "--embeddings", name, "--triplets", "t.npy"], ["describe", name]):
        ran = process(*args, env=env, text=False)
        assert (ran.returncode, bool(ran.stdout)) == (0, True)
        assert all(line.startswith(b"note: ") for line in ran.stderr.splitlines())
        assert bool(ran.stderr) == (args[0] == "score")
    ran = process(*SCORE[:2], "--embeddings", name, "--triplets", "t.npy", "--json", env=env)
    written = name.encode(errors="backslashreplace").decode()  # a document is Unicode
    assert json.loads(ran.stdout)["results"][0]["embeddings"] == written
    missing = process("describe", f"no {name}", env=env, text=False)
    assert (missing.returncode, missing.stderr.count(b"\n")) == (1, 1)


def test_a_locale_without_unicode_reads_the_same_files(process, folder, x):
    Path("e.csv").write_text("".join(f"ü{k}," + ",".join(map(str, row)) + "\n" for k, row in enumerate(x)), "utf-8")
    env = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    ran = process("score", "--embeddings", "e.csv", "x.npy", "--triplets", "t.npy", "--json", env=env)
    one, other = json.loads(ran.stdout)["results"]
    assert one["accuracy"] == other["accuracy"]


def test_a_line_break_in_a_file_name_does_not_break_the_table(process, folder):
    shutil.copy("x.npy", "two\nlines.npy")
    ran = process("score", "--embeddings", "two\nlines.npy", "--triplets", "t.npy")
    assert ran.stdout.splitlines()[1].startswith("two\\nlines ")
    assert ran.stderr.startswith(f"{NAMELESS}note: two\\nlines.npy: the accuracy is not above chance")
    assert len(ran.stderr.splitlines()) == 2


# Limits and signals


def limit_files():
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))


@pytest.mark.parametrize(
    "args",
    [
        [*SCORE[:-1], "many.npy", "--choices", "c.npy"],
        [*SCORE[:-1], "many.npy", "--json", "out.json", "--probabilities", "p.npy"],
        ["datasets", "fetch", "sample", "--folder", "."],
        ["triplets", "simulate", ".", "--n-objects", "10", "--count", "1000"],
    ],
    ids=lambda args: f"{args[0]} {args[-2]}",
)
def test_a_file_that_does_not_fit_leaves_nothing(process, folder, many, listing, args):
    """As on a full disk: a write fails half-way. The small files beside it are not left either."""
    before = listing(folder)
    ran = process(*args, preexec_fn=limit_files)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert len(ran.stderr.splitlines()) == 1
    assert "File too large" in ran.stderr
    assert listing(folder) == before


def test_ctrl_c_ends_a_long_run_with_130_and_leaves_nothing(folder, many, listing):
    """100,000 resamples in numpy take a minute. A line on the terminal says that the run has begun."""
    np.save("wide.npy", reals(1, 300, 2000))
    before = listing(folder)
    args = ["score", "--embeddings", "wide.npy", "x.npy", "--triplets", many, "--backend", "numpy"]
    args += ["--ci", "objects", "--resamples", 100_000]
    outputs = ["--choices", "c.npy", "--probabilities", "p.npy", "--json", "out.json"]
    terminal, side = pty.openpty()
    running = subprocess.Popen([sys.executable, "-m", "pyalign", *map(str, args), *outputs],
                               stdout=subprocess.PIPE, stderr=side)
    os.close(side)
    seen = b""
    while b"wide.npy 0/2" not in seen:
        seen += os.read(terminal, 1024)
    time.sleep(0.2)
    running.send_signal(signal.SIGINT)
    out, _ = running.communicate(timeout=120)
    seen += os.read(terminal, 4096)
    os.close(terminal)
    assert running.returncode == 130
    assert out == b""
    assert b"interrupted" in seen
    assert b"Traceback" not in seen
    assert listing(folder) == before


# Completion


def completions(process, folder, line, point=None):
    """What argcomplete's protocol answers for a command line with the cursor at its end."""
    pytest.importorskip("argcomplete")
    answer = folder / "completions"
    env = {"_ARGCOMPLETE": "1", "_ARGCOMPLETE_IFS": "\n", "_ARGCOMPLETE_STDOUT_FILENAME": str(answer),
           "COMP_LINE": line, "COMP_POINT": str(len(line)), "COMP_TYPE": "9"}
    process(env=env)
    return {word.strip() for word in answer.read_text().split("\n")}


@pytest.mark.parametrize(
    "line,words",
    [
        ("pyalign ", {"score", "describe", "datasets", "triplets", "info"}),
        ("pyalign sc", {"score"}),
        ("pyalign score --mea", {"--measure"}),
        ("pyalign score --embeddings x.npy --triplets t.npy --ties ", {"fractional", "wrong", "human_alignment"}),
        ("pyalign score --measure neg_", {"neg_sqeuclidean", "neg_euclidean"}),
        ("pyalign rsa a.npy --correlation ", {"spearman", "kendall", "tau-a"}),
        ("pyalign cka a.npy --measure ", {"debiased-cka", "mutual-knn"}),
        ("pyalign datasets ", {"list", "fetch"}),
        ("pyalign datasets list ", {"things", "kriegeskorte92"}),
        ("pyalign datasets fetch th", {"things", "things-concepts"}),
        ("pyalign describe --js", {"--json"}),
        ("pyalign describe t.", {"t.npy"}),
    ],
)
def test_completion_offers(process, folder, line, words):
    assert words <= completions(process, folder, line)


def test_a_request_for_completions_without_argcomplete_runs_no_command(process, folder):
    """The shell's request carries no arguments: what comes must not look like words to complete."""
    code = "import sys; sys.modules['argcomplete'] = None; from pyalign.cli import main; sys.exit(main())"
    request = {"_ARGCOMPLETE": "1", "COMP_LINE": "pyalign ", "COMP_POINT": "8"}
    ran = process(program=[sys.executable, "-c", code], env=request)
    assert ran.stdout == ""
    assert "Traceback" not in ran.stderr
