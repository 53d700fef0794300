"""A browser of failures: what a script reads, as small as it can be, and a plain list for those without."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from pyalign._dataclass import dataclass
from pyalign.data import ANCHORED
from pyalign.report.page.html import Page, shown

LISTED = 12  # failures of the plain list
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"  # digits of a number of base 64
TIE, RIGHT, WRONG, UNKNOWN = "t", "r", "w", "?"  # in place of the position that a model calls odd
CHOICES = ("0", "1", "2", TIE, RIGHT, WRONG, UNKNOWN)
SHARES = 1002  # 0 to 1 in thousandths, and what is not known
SHIFTS = (18, 12, 6, 0)  # of the letters of a model in a code
WIDTH = len(SHIFTS)


@dataclass(frozen=True)
class Verdict:
    """What a model makes of a triplet."""

    # the position of the item that it calls odd, "0", "1" or "2"; `TIE`, or where the document does not say which one,
    # `RIGHT`, `WRONG` or `UNKNOWN`. People call position 2 odd.
    choice: str
    chosen: float | None = None  # the probability of that, or None.
    human: float | None = None  # the probability of what people say, or None.


@dataclass(frozen=True)
class Failure:
    """A triplet that models fail on."""

    row: int  # of the triplets.
    # names; people call the last one odd. Of anchored triplets: anchor, chosen option, the other.
    items: tuple[str, str, str]
    verdicts: tuple[Verdict, ...]  # of each model.
    groups: tuple[int, ...] = (0,)  # numbers of the groups that it belongs to.
    share: float | None = None  # of people who answer so, or None.
    n_answers: int = 1  # how many answers there are.
    subject: str | None = None  # who answered, or None.


@dataclass(frozen=True)
class Browser:
    """Failures that a reader filters and opens."""

    name: str  # of letters, digits and hyphens.
    caption: str  # over what they are.
    models: tuple[str, ...]  # labels.
    groups: tuple[str, ...]  # what failures of each have in common.
    failures: tuple[Failure, ...]  # the clearest first.
    first: int = 1  # the number of the first one in the page, by which links open it: ``#failure-1``.
    task: str = "odd-one-out"  # of the triplets.
    ties_are_wrong: bool = False  # whether a tie counts as wrong.


def is_wrong(choice: str, ties_are_wrong: bool = False) -> bool:
    """Whether a choice is wrong: a tie only by a rule that says so.

    Example:
        >>> [is_wrong(choice) for choice in "012tw"]
        [True, True, False, False, True]
    """
    return choice in ("0", "1", WRONG) or (choice == TIE and ties_are_wrong)


def code(verdicts: Sequence[Verdict]) -> str:
    """Four letters for each model: its choice, and the two probabilities in thousandths, as a number of base 64.

    Example:
        >>> code([Verdict("0"), Verdict("1", 0.4567, 0.25)])
        'D1HjFk+Y'
    """
    letters = []
    for verdict in verdicts:
        chosen, human = (
            SHARES - 1 if share is None else round(1000 * share) for share in (verdict.chosen, verdict.human)
        )
        number = (CHOICES.index(verdict.choice) * SHARES + chosen) * SHARES + human
        letters += [LETTERS[number >> shift & 63] for shift in SHIFTS]
    return "".join(letters)


def data(part: Browser, page: Page) -> dict[str, Any]:
    """What the script reads: names once, all else by number."""
    names = list(dict.fromkeys(name for failure in part.failures for name in failure.items))
    number = {name: k for k, name in enumerate(names)}
    tile = (lambda name: None) if page.sprites is None else page.sprites.tile
    content: dict[str, Any] = {
        "models": part.models, "groups": part.groups, "first": part.first, "anchored": part.task == ANCHORED,
        "tiesAreWrong": part.ties_are_wrong, "names": names, "tiles": [tile(name) for name in names],
        "letters": LETTERS, "choices": "".join(CHOICES), "none": SHARES - 1,
        "items": [number[name] for failure in part.failures for name in failure.items],
        "rows": [failure.row for failure in part.failures],
        "codes": [code(failure.verdicts) for failure in part.failures],
        "answers": [failure.n_answers for failure in part.failures],
    }  # fmt: skip
    if len(part.groups) > 1:
        content["groupsOf"] = [failure.groups for failure in part.failures]
    for key, values in (("shares", [failure.share for failure in part.failures]),
                        ("subjects", [failure.subject for failure in part.failures])):  # fmt: skip
        if any(value is not None for value in values):
            content[key] = values
    return content


def failures(part: Browser, page: Page) -> str:
    """The place of the browser, and the first failures as a list."""
    page.keep(part.name, data(part, page))
    name = escape(part.name)
    listed = "".join(f"<li>{_line(failure, part)}</li>" for failure in part.failures[:LISTED])
    more = "" if len(part.failures) <= LISTED else f"<p>The first {LISTED} of {len(part.failures):,}.</p>"
    return f"""<div class="failures" id="{name}" data-failures="{name}">
<p class="caption" id="{name}-caption">{shown(part.caption)}</p>
<noscript><ol class="failure-list" start="{part.first}">{listed}</ol>{more}</noscript></div>"""


def _line(failure: Failure, part: Browser) -> str:
    first, second, last = map(shown, failure.items)
    wrong = sum(is_wrong(verdict.choice, part.ties_are_wrong) for verdict in failure.verdicts)
    share = "" if failure.share is None else f", {100 * failure.share:.0f}% of people"
    said = (
        f"{first}: people chose {second}, not {last}" if part.task == ANCHORED
        else f"{first}, {second}, and {last}, which people call odd"
    )  # fmt: skip
    return f"{said}{share}; wrong: {wrong} of {len(part.models)} models"
