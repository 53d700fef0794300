"""The mistakes of a first day: what each is answered with, in Python and on the command line.

Forty named objects, random embeddings of them, and answers that follow the embeddings in three of four triplets: an
accuracy at chance then means that something is mixed up.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support import draw_triplets, reals

import pyalign
from pyalign.cli import main
from pyalign.errors import InputError, MissingExtraError

N, D, T = 40, 12, 600
NAMES = [f"object_{k:02d}" for k in range(N)]
X = reals(1, N, D)


def _answers():
    """(t, 3) triplets; the odd item is the model's own in three quarters of them, else a random one."""
    triplets, rng = draw_triplets(2, N, T), np.random.default_rng(3)
    odd = np.where(rng.random(T) < 0.75, pyalign.odd_one_out(X, triplets), rng.integers(0, 3, T))
    rows = np.arange(T)
    triplets[rows, odd], triplets[:, 2] = triplets[:, 2], triplets[rows, odd].copy()
    return triplets.astype(np.int32)


ANSWERS = _answers()


def write_rows(path, names, values):
    lines = [",".join(["name", *(f"feature_{k}" for k in range(values.shape[1]))])]
    lines += [",".join([name, *map(repr, row)]) for name, row in zip(names, values.tolist(), strict=True)]
    Path(path).write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_answers(path, names=NAMES):
    lines = ["first,second,odd", *(",".join(names[item] for item in triplet) for triplet in ANSWERS)]
    Path(path).write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working folder of somebody who has just begun."""
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", X)
    np.save("transposed.npy", X.T.copy())
    np.save("rdm.npy", 1 - pyalign.similarity(X))
    np.save("pairs.npy", (1 - pyalign.similarity(X))[np.triu_indices(len(X), 1)])
    np.save("answers.npy", ANSWERS)
    np.save("one_based.npy", ANSWERS + 1)
    np.save("four.npy", np.column_stack([ANSWERS, np.full(T, 2)]))
    with_nan = X.copy()
    with_nan[[3, 17]] = np.nan
    np.save("nan.npy", with_nan)
    write_rows("x.csv", NAMES, X)
    write_rows("subset.csv", NAMES[:25], X[:25])
    write_rows("nan.csv", NAMES, with_nan)
    shuffled = np.random.default_rng(0).permutation(N)
    write_rows("shuffled.csv", [NAMES[k] for k in shuffled], X[shuffled])
    np.save("shuffled.npy", X[shuffled])
    write_answers("answers.csv")
    write_answers("misspelled.csv", [name if name != "object_07" else "objct_07" for name in NAMES])
    return tmp_path


def on_the_command_line(capsys, words):
    """What `pyalign WORDS` prints on both streams; of a mistake its one line, and nothing else."""
    capsys.readouterr()
    try:
        code = main(words.split())
    except SystemExit as stop:
        code = stop.code
    printed = capsys.readouterr()
    if code:
        assert printed.out == "" and "Traceback" not in printed.err
        assert len(printed.err.splitlines()) == (2 if code == 2 else 1)  # 2 adds where the help is
    return code, printed.out + printed.err


def in_python(call):
    """What a call says: its error in one line, or the notes of its result."""
    try:
        return True, " ".join(call().notes)
    except (InputError, MissingExtraError) as error:
        assert len(str(error).splitlines()) == 1
        return False, str(error)


# The mistake; the command and the call; whether it is an error; what is said, in both and in each.
MISTAKES = {
    "files swapped": ("score answers.npy -t x.npy", lambda: pyalign.score(ANSWERS, X), False, ["swapped?"], [], []),
    "named files swapped": (
        "score answers.csv -t x.csv",
        lambda: pyalign.score(pyalign.load_triplets("answers.csv"), pyalign.load_embeddings("x.csv")),
        False, ["swapped?"], [], [],
    ),
    "transposed": (
        "score transposed.npy -t answers.npy", lambda: pyalign.score(X.T, ANSWERS), False, ["transposed?"], [], []),
    "a matrix of dissimilarities as embeddings": (
        "score rdm.npy -t answers.npy",
        lambda: pyalign.score(1 - pyalign.similarity(X), ANSWERS),
        True, ["looks like a matrix of dissimilarities, not embeddings"],
        ["--matrix", "--kind dissimilarity"], ["matrix=", 'kind="dissimilarity"'],
    ),
    "counted from one": (
        "score x.npy -t one_based.npy",
        lambda: pyalign.score(X, ANSWERS + 1),
        False, ["triplets must lie in [0, 40)", "1-based?"], [], [],
    ),
    "embeddings of some of the objects": (
        "score subset.csv -t answers.csv",
        lambda: pyalign.score(pyalign.load_embeddings("subset.csv"), pyalign.load_triplets("answers.csv")),
        False, ["15 of 40 items have no row"], ["--missing omit"], ['missing="omit"'],
    ),
    "four columns": (
        "score x.npy -t four.npy",
        lambda: pyalign.score(X, np.load("four.npy")),
        False, ["4"], ["--columns 0,1,2"], ["(600, 4)"],
    ),
    "rows with NaN": (
        "score nan.csv -t answers.csv",
        lambda: pyalign.score(pyalign.load_embeddings("nan.csv"), pyalign.load_triplets("answers.csv")),
        False, ["2 of 40 rows hold NaN or infinity", "object_03"], ["--nan omit"], ['nan_policy="omit"'],
    ),
    "a misspelled measure": (
        "score x.npy -t answers.npy --measure cosin",
        lambda: pyalign.score(X, ANSWERS, measure="cosin"),
        False, ["measure must be one of cosine, dot", "got 'cosin'; did you mean 'cosine'?"], [], [],
    ),
    "a misspelled name of an object": (
        "score x.csv -t misspelled.csv",
        lambda: pyalign.score(pyalign.load_embeddings("x.csv"), pyalign.load_triplets("misspelled.csv")),
        False, ["no row is named 'objct_07' (1 of 40 items have no row)", "did you mean 'object_07'?"], [], [],
    ),
    "rows in another order than the numbers": (
        "score shuffled.csv -t answers.npy",
        lambda: pyalign.score(pyalign.load_embeddings("shuffled.csv"), ANSWERS),
        True, ["item numbers are taken as row numbers of", "is the order of rows right?"],
        ["--item-names"], ["item_names="],
    ),
    "rows in another order, and no names": (
        "score shuffled.npy -t answers.npy",
        lambda: pyalign.score(np.load("shuffled.npy"), ANSWERS),
        True, ["neither triplets nor embeddings have names", "is the order of rows right?"], [], [],
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_answered_with_its_cause_and_its_remedy(mistake, folder, capsys):
    words, call, works, both, flags, keywords = MISTAKES[mistake]
    code, printed = on_the_command_line(capsys, words)
    printed = " ".join(printed.split())
    worked, message = in_python(call)
    assert (code == 0, worked) == (works, works)
    assert [phrase for phrase in (*both, *flags) if phrase not in printed] == [], printed
    assert [phrase for phrase in (*both, *keywords) if phrase not in message] == [], message
    assert "--" not in message, "Python has no flags"
    assert not [keyword for keyword in keywords if keyword in printed], "the command line has no keywords"


@pytest.mark.parametrize(
    "words, expected",
    [
        ("scor x.npy -t answers.npy", "'scor' is no command; did you mean 'score'?"),
        ("score x.npy -t answers.npy --mesure dot", "unrecognized arguments: --mesure dot; did you mean '--measure'?"),
        ("score x.nyp -t answers.npy", "x.nyp: No such file or directory"),
        ("score x.npy", "the following arguments are required: -t/--triplets"),
        ("score x.npy -t answers.npy --ci object", "did you mean 'objects'?"),
        ("rsa x.npy --human pairs.npy", "--kind dissimilarity or --kind similarity must say what it holds"),
        ("rsa x.npy --human rdm.npy --kind similarity", "rdm.npy must be of --kind dissimilarity"),
        ("compare x.npy -t answers.npy", "compare needs at least two models; got 1"),
    ],
)
def test_a_misspelled_word_or_a_missing_one_is_named(words, expected, folder, capsys):
    code, printed = on_the_command_line(capsys, words)
    assert code in (1, 2) and expected in printed, printed


MISSING = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {names!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Absent())
"""


@pytest.mark.parametrize(
    "names, words, call",
    [
        (("scipy", "sklearn"), "probe x.npy -t answers.npy", "pyalign.cross_validate_probe(x, t)"),
        (("altair", "vl_convert"), "plot result.json --out picture.svg", "pyalign.plot(s, out='picture.svg')"),
    ],
)
def test_a_missing_package_is_named_with_the_command_that_installs_it(names, words, call, folder):
    Path("result.json").write_text(pyalign.score(X, ANSWERS, ci="objects").to_json(), encoding="utf-8")
    absent = MISSING.format(names=names)
    by_command = f"{absent}\nfrom pyalign.cli import main\nsys.exit(main({words.split()!r}))"
    done = subprocess.run([sys.executable, "-c", by_command], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1, done.stderr
    assert "not installed: pip install " in done.stderr and not any(Path().glob("picture*"))
    in_a_script = f"{absent}\nimport numpy as np, pyalign\nx, t = np.load('x.npy'), np.load('answers.npy')\n"
    in_a_script += f"s = pyalign.score(x, t, ci='objects')\n{call}"
    done = subprocess.run([sys.executable, "-c", in_a_script], capture_output=True, text=True, check=False)
    assert "MissingExtraError" in done.stderr.splitlines()[-1] and "pip install " in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("name", "hint"),
    [("scoer", "score"), ("concepts", "score_concepts"), ("failures", "find_failures"), ("ceiling", "noise_ceiling")],
)
def test_a_name_that_is_not_there_such_as_that_of_a_command_has_a_proposal(name, hint):
    with pytest.raises(AttributeError, match=rf"^module 'pyalign' has no attribute '{name}'; did you mean '{hint}'\?$"):
        getattr(pyalign, name)
    assert not hasattr(pyalign, "_nothing")
