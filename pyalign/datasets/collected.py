"""Answers to the lists of an experiment, joined from the files of its participants and held against the lists."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Sequence

from pyalign.data.names import listing
from pyalign.data.trials import OMIT
from pyalign.documents import csv_text
from pyalign.errors import InputError
from pyalign.io.headers import Cells, always
from pyalign.io.layout import find_layout
from pyalign.io.paths import TEXT, PathLike, bad, check_file
from pyalign.io.text import data_rows
from pyalign.io.triplets import load_triplets

COLUMNS, ODD = ("subject", "trial", "item1", "item2", "item3"), "odd"  # of lists, which answers keep; of answers


def collect_answers(lists: PathLike, files: Sequence[PathLike]) -> tuple[str, tuple[str, ...]]:
    """Join answers, each of which must be to a trial of its participant's list.

    Args:
        lists: as `ChosenTriplets.design` and `pyalign plan triplets` write them, for participants.
        files: tables with the columns of the lists, and with `odd`, the item or its place.

    Returns:
        All answers as CSV; sentences on how many there are, on triplets asked twice, and on trials without an answer.

    Raises:
        InputError: a participant has two lists; an answer is to a triplet that no list holds, or the list of another
            participant, or is a second one to its trial; a file has other columns than the first.
    """
    asked, given, rows, header = dict[Cells, frozenset[str]](), dict[Cells, str](), list[Cells](), tuple[str, ...]()
    for trial, items in _trials(lists, *_read(lists)):
        if trial in asked:
            raise bad(lists, f"holds two lists of participant {trial[0]}: trial {trial[1]} is there twice")
        asked[trial] = items
    every = {*asked.values()}
    for path in files:
        own, cells = _read(path)
        if own != (header := header or own):
            raise bad(path, f"has other columns than {os.fspath(files[0])}; answers to one experiment have the same")
        trials = _trials(path, own, cells, ODD)
        try:
            answers = load_triplets(path, columns=COLUMNS[2:], choice_column=ODD, subject_column=COLUMNS[0])
        except InputError as error:  # without a remedy that would leave trials out
            raise InputError(str(error).removesuffix(f"; {OMIT}")) from error
        odd = [str(k) if answers.names is None else answers.names[k] for k in answers.values[:, 2].tolist()]
        for row, (trial, items) in enumerate(trials):
            if asked.get(trial) != items:
                where = f"is not trial {trial[1]} of participant {trial[0]}" if items in every else "is in no list"
                raise bad(path, f"row {row} (from 0): {', '.join(sorted(items))} {where} of {os.fspath(lists)}")
            if trial in given:
                raise bad(path, f"row {row} (from 0): participant {trial[0]} has answered trial {trial[1]} before")
            given[trial] = odd[row]
        rows += cells
    return csv_text(header, rows), _sentences(asked, given)


def _sentences(asked: dict[Cells, frozenset[str]], given: dict[Cells, str]) -> tuple[str, ...]:
    answered, left = defaultdict[object, list[str]](list), Counter(who for who, _ in asked.keys() - given.keys())
    for (who, trial), item in given.items():
        answered[who, asked[who, trial]].append(item)
    same = [len({*items}) == 1 for items in answered.values() if len(items) > 1]
    people = f"{len(given):,} answers, participants: {len({who for who, _ in given}):,}"
    without = listing([f"{who} ({left[who]:,})" for who in dict.fromkeys(who for who, _ in asked) if left[who]])
    return (
        f"{people}; of {len(same):,} triplets asked twice {sum(same):,} have the same answer",
        *([f"trials without an answer, by participant: {without}"] if without else []),
    )


def _read(path: PathLike) -> tuple[Cells, list[Cells]]:
    """The header and the rows of a text table; cells may be empty."""
    check_file(path, "trials", TEXT)
    layout = find_layout(path, always, "trials")
    return layout.header or (), [cells for _, cells in data_rows(path, layout)]


def _trials(path: PathLike, header: Cells, rows: Sequence[Cells], *more: str) -> list[tuple[Cells, frozenset[str]]]:
    """Of each row the participant with the trial, and the items; `more`: columns that must be there too."""
    if missing := [name for name in (*COLUMNS, *more) if name not in header]:
        raise bad(path, f"has no column {listing(missing)}, as lists and answers to them have")
    of = [header.index(name) for name in COLUMNS]
    return [((row[of[0]], row[of[1]]), frozenset(row[k] for k in of[2:])) for row in rows]
