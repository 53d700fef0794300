"""Pictures, panels and failures in a real browser: what is shown, what is filtered, how fast, and how much memory."""

from __future__ import annotations

import json
import statistics

import numpy as np
import pytest
from support import draw_triplets

import pyalign
from pyalign.extraction.images import as_images
from pyalign.report.page.write import make_report

pytest.importorskip("altair", reason="altair is not installed")
pytest.importorskip("PIL.Image", reason="Pillow is not installed")
pytestmark = pytest.mark.slow

N = 24
NAMES = ("<script>alert(1)</script>", 'a "b" & c', "שלום", *(f"object {k}" for k in range(3, N)))
RNG = np.random.default_rng(0)
MODELS = {name: pyalign.Embeddings(RNG.normal(size=(N, 3)), NAMES) for name in ("one", "two", "three")}


def pictures(count, names=None, side=96):
    """Plain colors that tell objects apart."""
    colors = np.stack([np.full((side, side, 3), [40 + k % 200, 40 + 7 * k % 200, 40 + 31 * k % 200], np.uint8)
                        for k in range(count)])
    return as_images(colors, names=names or [f"object {k}" for k in range(count)])


@pytest.fixture(scope="module")
def failed():
    triplets = draw_triplets(2, N, 300)
    triplets = np.concatenate([triplets, triplets[:90, [1, 0, 2]], triplets[:40, [2, 0, 1]]])
    found = pyalign.find_failures(MODELS, triplets, families=["a", "b", "b"], min_models=1, temperature=0.3)
    return found, json.loads(found.to_json())


@pytest.fixture(scope="module")
def html(failed):
    near = pyalign.neighbors(MODELS["one"], ["object 3", NAMES[0]], k=5)
    return make_report([failed[0], near], "report.html", images=pictures(N - 1, NAMES[:-1])).html


def records_of(document):
    """row -> record, and the groups that it is in."""
    found = {}
    for k, group in enumerate(document["groups"]):
        for record in group["triplets"]:
            found.setdefault(record["row"], (record, set()))[1].add(k)
    return found


def count(page):
    return page.locator(".failures > .count").inner_text()


@pytest.mark.suite("test")
def test_a_link_opens_a_failure_and_escape_closes_it(opened, html, failed):
    shown = opened(html)
    page = shown.page
    link = page.locator(".card a").nth(3)
    link.focus()
    page.keyboard.press("Enter")
    dialog = page.locator("dialog.failure")
    shown.wait("document.querySelector('dialog.failure[open]') !== null")  # it opens when the address has changed
    assert page.evaluate("location.hash") == "#failure-4" and dialog.is_visible()
    said = page.locator("dialog.failure .about").inner_text()
    row = int(said.split("row ")[1].split(" ")[0])
    record, _ = records_of(failed[1])[row]
    cells = [line.locator("th, td").all_inner_texts() for line in dialog.locator("tbody tr").all()]
    for (model, odd, verdict, chosen, human), name in zip(cells, failed[1]["models"], strict=True):
        choice, shares = record["choices"][name], record["probabilities"][name]
        assert (model, odd) == (name, record["names"][choice])
        assert verdict == ("right" if choice == 2 else "wrong")
        for text, share in ((chosen, shares[choice]), (human, shares[2])):
            assert abs(float(text.removesuffix("%")) - 100 * share) < 0.0501
    page.keyboard.press("ArrowRight")
    assert page.evaluate("location.hash") == "#failure-5"
    page.keyboard.press("Escape")
    shown.wait("location.hash === ''")
    assert not dialog.is_visible() and shown.errors == [] and shown.requests == []


def test_an_address_opens_its_failure(opened, html, tmp_path):
    path = tmp_path / "address.html"
    path.write_text(html, encoding="utf-8")
    page = opened(path).page
    page.goto(f"{path.as_uri()}#failure-7")
    page.reload()
    assert page.locator("dialog.failure h3").inner_text() == "Failure 7"
    page.goto(f"{path.as_uri()}#failure-99999")
    assert not page.locator("dialog.failure").is_visible()


def test_filters_leave_what_the_document_says(opened, html, failed):
    shown = opened(html)
    page, held = shown.page, records_of(failed[1])
    total = f"{len(held)} failures"
    assert count(page).startswith(total) and page.locator(".card").count() == 24

    def expect(number):
        shown.wait(
            "(start) => document.querySelector('.failures > .count').textContent.startsWith(start)",
            total if number == len(held) else f"{number} of {total}",
        )

    tools = page.locator(".failure-tools")
    tools.get_by_role("searchbox").fill("<SCRIPT>")
    expect(sum(NAMES[0] in record["names"] for record, _ in held.values()))
    tools.get_by_role("searchbox").fill("")
    expect(len(held))
    tools.get_by_label("Model", exact=True).select_option("two")
    tools.get_by_role("button", name="Add").click()
    expect(sum(record["choices"]["two"] != 2 for record, _ in held.values()))
    tools.get_by_label("Model", exact=True).select_option("three")
    tools.get_by_label("Whether").select_option("right")
    tools.get_by_role("button", name="Add").click()
    expect(sum(r["choices"]["two"] != 2 and r["choices"]["three"] == 2 for r, _ in held.values()))
    tools.get_by_role("button", name="Remove: two").click()
    tools.get_by_role("button", name="Remove: three").click()
    expect(len(held))
    tools.get_by_label("People agree at least").fill("60")
    expect(sum((record["human_share"] or 0) >= 0.6 for record, _ in held.values()))
    tools.get_by_label("People agree at least").fill("")
    tools.get_by_label("Group").select_option("1")
    expect(sum(1 in groups for _, groups in held.values()))
    assert shown.errors == []


def test_the_order_and_the_pages_are_the_reader_s(opened, html, failed):
    page = opened(html).page
    held = records_of(failed[1])
    many = sorted(
        (sum(choice != 2 for choice in record["choices"].values()) for record, _ in held.values()), reverse=True
    )

    def wrong():
        return [int(text.split("· ")[1].split(" ")[0]) for text in page.locator(".card .about").all_inner_texts()]

    page.locator(".failure-tools").get_by_label("Sort").select_option("wrong")
    assert wrong() == many[:24]
    page.locator(".pages").get_by_role("button", name="Next").click()
    assert wrong() == many[24:48] and "25 to 48" in count(page)
    page.locator(".pages").get_by_role("button", name="Previous").click()
    assert wrong() == many[:24]


def color(page, selector, k=0):
    """The color in the middle of a picture, as it is on the screen."""
    import io

    from PIL import Image

    place = page.locator(selector).nth(k)
    place.scroll_into_view_if_needed()
    page.wait_for_timeout(150)
    image = Image.open(io.BytesIO(place.screenshot())).convert("RGB")
    return image.getpixel((image.width // 2, image.height // 2))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pictures_are_those_of_their_objects(opened, html, theme):
    page = opened(html, color_scheme=theme).page
    for selector in ("#gallery .picture.shown", ".card .picture.shown"):
        page.locator(selector.removesuffix(".shown")).first.scroll_into_view_if_needed()
        page.wait_for_selector(selector)
        for k in (0, 2):
            k_th = NAMES.index(page.locator(selector).nth(k).get_attribute("aria-label"))
            expected = [40 + k_th % 200, 40 + 7 * k_th % 200, 40 + 31 * k_th % 200]
            np.testing.assert_allclose(color(page, selector, k), expected, atol=12)


def test_names_are_text_and_stand_where_there_is_no_picture(opened, html):
    shown = opened(html)
    last = NAMES[-1]
    texts = shown.page.locator(".picture.none").all_text_contents()  # also of what is not laid out yet
    assert texts and set(texts) == {last}
    assert NAMES[0] in shown.page.locator("#gallery .named").all_text_contents()
    assert shown.errors == [] and shown.requests == []


def test_a_printed_page_has_its_pictures(opened, html):
    page = opened(html).page
    placed = page.locator(".picture[data-tile]").count()
    data = page.pdf(print_background=False)
    assert page.locator(".picture[data-tile].shown").count() == placed > 0
    assert data.count(b"/Subtype /Image") >= 1


def test_on_a_telephone_nothing_is_wider_than_the_screen(opened, html):
    page = opened(html, width=360).page
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.evaluate("location.hash = '#failure-2'")
    box = page.locator("dialog.failure").bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= 360


def test_without_scripts_the_first_failures_are_a_list(opened, html):
    page = opened(html, java_script_enabled=False).page
    assert page.locator(".failure-list li").count() == 12
    assert page.locator("#gallery .picture").first.inner_text() == "object 3"


def busy(shown, act, done):
    """Milliseconds of the main thread that an answer takes, layout and painting included: the median of several."""
    page = shown.page
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")

    def spent():
        metrics = {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
        return 1000 * metrics["TaskDuration"]

    times = []
    for k in range(5):
        before = spent()
        page.evaluate(act, k)
        shown.wait(done, k)
        page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
        times.append(spent() - before)
    return statistics.median(times)


def many_models(models=300, failures=384, objects=5000):
    """A document of failures as `pyalign failures` writes it, of made-up choices of many models."""
    rng = np.random.default_rng(0)
    names = [f"model {k}" for k in range(models)]
    choices, shares = rng.integers(0, 3, (failures, models)), rng.dirichlet([1, 1, 1], (failures, models)).round(4)
    triplets = (
        rng.permutation(objects)[: 3 * failures].reshape(-1, 3)
        if objects >= 3 * failures
        else draw_triplets(0, objects, failures)
    )
    records = [
        {"row": k, "items": triplets[k].tolist(), "names": [f"object {i}" for i in triplets[k]],
         "margins": dict.fromkeys(names, -0.1), "human_share": 0.5, "n_answers": 4, "subject": None,
         "choices": dict(zip(names, choices[k].tolist(), strict=True)),
         "probabilities": dict(zip(names, shares[k].tolist(), strict=True))}
        for k in range(failures)
    ]
    return {
        "command": "failures", "schema": 1, "version": pyalign.__version__, "models": names, "families": None,
        "n_triplets": 5000, "n_dropped": 0, "n_undecided": 0, "n_wrong": [2000] * models, "measure": "cosine",
        "ties": "fractional", "dtype": "float32", "triplets": None, "task": "odd-one-out", "temperature": 1.0,
        "groups": [{"right": None, "wrong": None, "n": failures, "triplets": records}], "notes": [],
    }


def test_many_models_and_pictures_stay_responsive(opened, capsys):
    """300 models and 5,000 pictures: a filter answers at once."""
    queries = [f"object {k}" for k in range(450)]
    near = {
        "command": "neighbors", "schema": 1, "version": pyalign.__version__, "embeddings": "x.npy", "n": 5000, "d": 5,
        "k": 10, "n_queries": len(queries), "measure": "cosine", "kind": "similarity", "units": "a cosine",
        "backend": "native",
        "index": "flat", "exact": True, "n_omitted": 0, "left_out": [], "query_rows": list(range(450)), "notes": [],
        "results": [{"query": query, "rank": rank, "neighbor": f"object {row}", "row": row, "similarity": 0.5}
                    for k, query in enumerate(queries) for rank in range(1, 11)
                    for row in ((450 + 10 * k + rank) % 5000,)],
    }
    made = make_report([many_models(), near], "report.html", images=pictures(5000, side=8))
    shown = opened(made.html)
    page = shown.page
    page.wait_for_selector(".card")
    page.evaluate("window.spoken = () => document.querySelector('.failures > .count').textContent")
    figures = {
        "filter by name": busy(shown, """(k) => {
            window.before = spoken();
            const box = document.querySelector('.failure-tools input[type=search]');
            box.value = `object ${k + 1}`;
            box.dispatchEvent(new Event('input'));
        }""", "() => spoken() !== before"),
        "filter by model": busy(shown, """(k) => {
            window.before = spoken();
            document.querySelector('.by-model select').value = String(k);
            document.querySelector('.by-model button').click();
        }""", "() => spoken() !== before"),
        "open": busy(shown, "(k) => (location.hash = `#failure-${k + 1}`)",
                     "(k) => document.querySelector('dialog h3')?.textContent === `Failure ${k + 1}`"),
    }
    with capsys.disabled():
        print("\n" + ", ".join(f"{what}: {value:.1f} ms" for what, value in figures.items()))
    assert max(figures.values()) < 1000
