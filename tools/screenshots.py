"""Pictures of pages as people see them: `python tools/screenshots.py PAGE.html [...] [--out build/screenshots]`.

Each page in Debian's chromium: light and dark on a screen of 1,280 pixels, light on a phone of 390, and printed, in
files `OUT/FOLDER-NAME-light.png`, `-dark.png`, `-phone.png` and `-print.pdf`. `--section ID FILE.png` takes only a
section of the first page. The picture in the documentation is of a page of `tools/gallery.py`:

    python tools/screenshots.py build/gallery/paper/study/report.html --section leaderboard docs/figures/report.png

Needs `pip install playwright` and chromium. Errors of the page and requests to a network are printed, and end with exit
code 1.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
             "--disable-sync"]
VIEWS = {"light": (1280, 900, "light"), "dark": (1280, 900, "dark"), "phone": (390, 844, "light")}
LONGEST = 16_000  # pixels: chromium repeats what lies below
WAIT = 500  # milliseconds, for what is drawn when it comes into view
SECTION, SCALE = {"width": 1280, "height": 1300}, 0.75  # pixels, and of the file for each of them


def look_at(page: Path, out: Path, browser: object) -> list[str]:
    """The pictures of a page; what went wrong on it."""
    faults: list[str] = []
    for name, (width, height, scheme) in VIEWS.items():
        tab = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
        tab.on("console", lambda told: faults.append(told.text) if told.type == "error" else None)
        tab.on("pageerror", lambda error: faults.append(str(error)))
        tab.on("request", lambda asked: asked.url.startswith(("file:", "data:", "blob:")) or faults.append(asked.url))
        tab.goto(page.resolve().as_uri())
        length = tab.evaluate("document.documentElement.scrollHeight")
        for top in range(0, length, height):  # what is lazy is drawn
            tab.evaluate(f"window.scrollTo(0, {top})")
            tab.wait_for_timeout(60)
        tab.evaluate("window.scrollTo(0, 0)")
        tab.wait_for_timeout(WAIT)
        length = tab.evaluate("document.documentElement.scrollHeight")
        wide = tab.evaluate("document.documentElement.scrollWidth")
        if wide > width:
            faults.append(f"{name}: {wide} pixels wide on a screen of {width}")
        clip = {"x": 0, "y": 0, "width": width, "height": min(length, LONGEST)}
        tab.screenshot(path=out / f"{page.parent.name}-{page.stem}-{name}.png", full_page=True, clip=clip)
        if name == "light":
            tab.emulate_media(media="print")
            tab.pdf(path=out / f"{page.parent.name}-{page.stem}-print.pdf", format="A4", print_background=True)
        tab.close()
    return faults


def take_section(page: Path, section: str, file: str, browser: object) -> None:
    """A page from the top of a section on, in light colours."""
    tab = browser.new_page(viewport=SECTION, device_scale_factor=SCALE, color_scheme="light")
    tab.goto(page.resolve().as_uri())
    tab.evaluate("id => document.getElementById(id).scrollIntoView()", section)
    tab.wait_for_timeout(4 * WAIT)
    tab.screenshot(path=file, timeout=0)
    tab.close()


def main() -> int:
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", type=Path, nargs="+", metavar="PAGE.html")
    parser.add_argument("--out", type=Path, default=Path("build") / "screenshots")
    parser.add_argument("--section", nargs=2, metavar=("ID", "FILE.png"))
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    chromium = shutil.which("chromium")
    if chromium is None:
        print("chromium is not installed", file=sys.stderr)
        return 2
    with sync_playwright() as running:
        browser = running.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        if given.section is not None:
            take_section(given.pages[0], *given.section, browser)
        pages = given.pages if given.section is None else ()
        faults = [f"{page}: {fault}" for page in pages for fault in look_at(page, given.out, browser)]
        browser.close()
    print(*faults, sep="\n", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
