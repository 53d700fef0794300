"""examples/experiment: lists are planned, played in a browser, collected and scored; the score is that of the answers.

jsPsych is what `make .venv/installed-test` puts into build/jspsych; where npm can't fetch it, a stand-in with the same
calls is played instead, so that the page's own logic is tested everywhere.
"""

from __future__ import annotations

import csv
import json
import shutil
import warnings
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest

import pyalign
from pyalign.cli import main

pytestmark = pytest.mark.suite("test")
ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "examples" / "experiment" / "index.html"
INSTALLED = ROOT / "build" / "jspsych" / "node_modules"
STAND_IN = Path(__file__).with_name("jspsych_stand_in.js")
NAMES = ["object 0", 'a "quoted", name', "<b>bold</b>", "día/ß 50%", "O'Neil & söhne"] + [
    f"object {k}" for k in range(5, 24)
]
N, TRIALS = len(NAMES), 20


@pytest.fixture(scope="module")
def people():
    """What the participants see: objects of which the first model knows nearly everything."""
    return np.random.default_rng(5).normal(size=(N, 4))


@pytest.fixture
def packages():
    """Where jsPsych is; None for the stand-in."""
    if INSTALLED.is_dir():
        return INSTALLED
    warnings.warn("jsPsych is not in build/jspsych: the page is played with a stand-in", stacklevel=1)
    return None


@pytest.fixture
def site(tmp_path, monkeypatch, people, packages):
    """A folder with the page, jsPsych and the lists of two participants."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(6)
    np.save("x.npy", people + 0.4 * rng.normal(size=people.shape))
    np.save("y.npy", rng.normal(size=people.shape))
    Path("names.txt").write_text("".join(f"{name}\n" for name in NAMES), encoding="utf-8")
    folder = tmp_path / "site"
    folder.mkdir()
    shutil.copy(PAGE, folder)
    put_jspsych(folder / "node_modules", packages)
    plan = ("plan", "triplets", "x.npy", "y.npy", "--names", "names.txt", "--n-subjects", "2")
    assert main([*plan, "--answers-per-subject", str(TRIALS), "--out", "site/lists.csv"]) == 0
    return folder


def put_jspsych(folder, packages):
    """The packages of npm, or files of the same names that stand in for them."""
    if packages is not None:
        folder.symlink_to(packages)
        return
    for name in ("jspsych/dist", "jspsych/css", "@jspsych/plugin-html-button-response/dist"):
        (folder / name).mkdir(parents=True)
    shutil.copy(STAND_IN, folder / "jspsych" / "dist" / "index.browser.min.js")
    (folder / "jspsych" / "css" / "jspsych.css").touch()
    (folder / "@jspsych/plugin-html-button-response/dist/index.browser.min.js").touch()


@pytest.fixture
def visit(browser, site):
    """visit(address) -> a page of Playwright. http://lab.test/ is the folder of the site; nothing is ever fetched."""
    context = browser.new_context(accept_downloads=True)
    context.set_default_timeout(60_000)
    context.route("http://lab.test/**", lambda route: answer(route, site))
    page = context.new_page()
    page.faults = []
    page.on("pageerror", lambda error: page.faults.append(str(error)))

    def go(address):
        page.goto(address)
        return page

    yield go
    context.close()
    assert page.faults == []


def answer(route, site):
    path = site / unquote(urlsplit(route.request.url).path).lstrip("/")
    if path.is_file():
        route.fulfill(path=path)
    else:
        route.fulfill(status=404, body="not found")


def odd_of(people, items):
    """The known rule: the item outside the most similar pair of what people see."""
    return int(pyalign.odd_one_out(people, [[NAMES.index(item) for item in items]])[0])


def play(page, people, first, last):
    """Answers these trials, from 1, by the rule; gives the items of each as they stood, and what was called odd."""
    known = []
    for trial in range(first, last + 1):
        page.get_by_text(f"{trial} of {TRIALS}", exact=True).wait_for()
        items = page.locator(".item").all_inner_texts()
        odd = odd_of(people, items)
        page.locator(".item").nth(odd).click()
        known.append((items, items[odd]))
    return known


def save(page, path):
    with page.expect_download() as download:
        page.get_by_role("button", name="Save").click()
    assert download.value.suggested_filename == path
    download.value.save_as(path)


def rows_of(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_score_of_two_participants_is_that_of_their_answers(visit, site, people, capsys):
    """The first opens the page from a server and reloads it in the middle; the second opens it from the disk."""
    page = visit("http://lab.test/index.html?subject=1&pause=0")
    known = play(page, people, 1, 7)
    page.get_by_text(f"8 of {TRIALS}").wait_for()
    shown = page.locator("main").inner_text()
    page.reload()
    page.get_by_text(f"8 of {TRIALS}").wait_for()
    assert page.locator("main").inner_text() == shown
    known += play(page, people, 8, TRIALS)
    save(page, "answers-1.csv")
    page.reload()  # all is answered: the file is still there
    save(page, "answers-1.csv")

    page = visit(f"{(site / 'index.html').as_uri()}?pause=0")
    page.get_by_label("Participant").fill("2")
    page.get_by_role("button", name="Go on").click()
    page.get_by_label("The file of lists").set_input_files(site / "lists.csv")
    page.get_by_role("button", name="Go on").click()
    known += play(page, people, 1, TRIALS)
    save(page, "answers-2.csv")

    lists, rows = rows_of("site/lists.csv"), [row for k in (1, 2) for row in rows_of(f"answers-{k}.csv")]
    assert [{name: row[name] for name in lists[0]} for row in rows] == lists
    assert [([row["item1"], row["item2"], row["item3"]], row["odd"]) for row in rows] == known
    assert all(int(row["rt"]) >= 0 for row in rows)

    capsys.readouterr()
    assert main(["describe", "answers-1.csv", "--csv", "described.csv"]) == 0
    assert "'odd' holds the item itself, in all 20 rows" in " ".join(capsys.readouterr().out.split())
    collect = ("triplets", "collect", "answers-1.csv", "answers-2.csv", "--lists", "site/lists.csv")
    assert main([*collect, "--out", "answers.csv"]) == 0
    spoken = capsys.readouterr()
    assert "40 answers, participants: 2; of 2 triplets asked twice 2 have the same answer" in spoken.out
    assert spoken.err == ""
    score = ("score", "x.npy", "-t", "answers.csv", "--names", "names.txt", "--weights", "answers.csv")
    assert main([*score, "--json", "score.json", "--quiet"]) == 0
    found = json.loads(Path("score.json").read_text())["results"][0]

    triplets = [[NAMES.index(name) for name in sorted(items, key=odd.__eq__)] for items, odd in known]
    weights = np.array([float(row["weight"]) for row in lists])
    x = np.load("x.npy")
    hits = pyalign.odd_one_out(x, triplets) == 2
    assert 20 <= hits.sum() < 40
    assert found["accuracy"] == pyalign.score(x, triplets, weights=weights).accuracy
    assert found["accuracy"] == pytest.approx(weights[hits].sum() / weights.sum(), rel=1e-12)


def test_pictures_stand_for_names(visit, site, people):
    folder = site / "photos"
    for name in NAMES:
        path = folder / f"{name}.svg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><circle r="9"/></svg>')
    page = visit("http://lab.test/index.html?subject=2&images=photos&ending=.svg&pause=0")
    first = next(row for row in rows_of(site / "lists.csv") if (row["subject"], row["trial"]) == ("2", "1"))
    items = [first["item1"], first["item2"], first["item3"]]
    page.locator(".item img").nth(2).wait_for()
    found = page.locator(".item img").evaluate_all(
        "(all) => all.map((one) => [decodeURIComponent(one.src), one.naturalWidth])"
    )
    assert found == [[f"http://lab.test/photos/{item}.svg", 9] for item in items]
    page.locator(".item img").nth(1).click()
    page.get_by_text(f"2 of {TRIALS}").wait_for()
    saved = json.loads(page.evaluate("localStorage.getItem(localStorage.key(0))"))
    assert [row["odd"] for row in saved["answers"]] == [items[1]]


def two_lists(site):
    lists = (site / "lists.csv").read_text(encoding="utf-8")
    (site / "lists.csv").write_text(lists + lists.partition("\n")[2], encoding="utf-8")


@pytest.mark.parametrize(
    ("spoil", "query", "said"),
    [
        (lambda site: (site / "node_modules").rename(site / "elsewhere"), "subject=1",
         "jsPsych is not here yet: run npm install in the folder of this page."),
        (lambda site: (site / "lists.csv").unlink(), "subject=1", "There is no lists.csv next to this page."),
        (lambda site: None, "subject=3", "The file of lists has none of participant 3."),
        (two_lists, "subject=1", "Participant 1 has two lists in the file, or a part of one, at trial 1."),
        (lambda site: (site / "lists.csv").write_text("subject,item1\n1,cat\n"), "subject=1",
         "The file of lists has no column trial, item2, item3."),
        (lambda site: None, "subject=1&images=photos", "There is no picture photos/"),
    ],
)
def test_what_is_wrong_is_one_line(visit, site, spoil, query, said):
    spoil(site)
    page = visit(f"http://lab.test/index.html?{query}")
    page.get_by_text(said).wait_for()
    assert "\n" not in page.locator("main").inner_text()


@pytest.mark.parametrize("packages", [None])
def test_a_participant_has_one_list_in_a_browser(visit, site, people):
    """Answers to a list of another design can be saved and removed; then the new one is shown. By the stand-in."""
    page = visit("http://lab.test/index.html?subject=1&pause=0")
    play(page, people, 1, 2)
    page.get_by_text(f"3 of {TRIALS}").wait_for()
    plan = ("plan", "triplets", "x.npy", "y.npy", "--names", "names.txt", "--n-subjects", "2", "--seed", "1")
    assert main([*plan, "--answers-per-subject", str(TRIALS), "--out", "site/lists.csv"]) == 0
    page = visit("http://lab.test/index.html?subject=1&pause=0")
    page.get_by_text("Participant 1 has answered 2 trials of another list in this browser.").wait_for()
    save(page, "answers-1.csv")
    assert len(rows_of("answers-1.csv")) == 2
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Remove").click()
    page.reload()
    page.get_by_text(f"1 of {TRIALS}").wait_for()


def test_the_page_is_short():
    assert len(PAGE.read_text(encoding="utf-8").splitlines()) <= 200
