"""Reads the data that a page of results holds, as they were before they were made short for its scripts."""

from __future__ import annotations

import base64
import gzip
import json
import re
from html import unescape

import numpy as np

from pyalign.report.page.parts_html import CHOICES, DECIMALS, LETTERS, NONE, SHARES, WIDTH, Verdict

ENDS = ("values", "low", "high")
OF_GALLERY = 1_200_000  # bytes of each page of real results at most


def data_of(html):
    """By name. Columns have their values, a browser of failures its `verdicts`, with shares in thousandths."""
    found = {}
    for text in re.findall(r'<script type="text/plain" data-packed>([^<]*)</script>', html):
        lines = unzipped(text).split("\n")
        found |= {name: _unpacked(json.loads(value)) for name, value in zip(lines[::2], lines[1::2], strict=False)}
    for name, text in re.findall(r'<script type="application/json" data-name="([^"]*)">([^<]*)</script>', html):
        found[unescape(name)] = _unpacked(json.loads(text))
    return found


def unzipped(text):
    """What `html.zipped` was given."""
    return gzip.decompress(base64.b85decode(text.replace(",", "<"))).decode()


def _unpacked(value):
    """What `tables_html.data` and `failures_html.data` were given."""
    if not isinstance(value, dict):
        return value
    for name, table in value.get("datasets", {}).items():
        if isinstance(table, dict):
            rows = zip(*table.values(), strict=True)
            value["datasets"][name] = [dict(zip(table, row, strict=True)) for row in rows]
    if isinstance(value.get("codes"), list) and "letters" in value:
        return {**value, "verdicts": verdicts_of(value)}
    columns = value.get("columns")
    if not isinstance(columns, list):
        return value
    return {**value, "columns": [unpacked(one) if isinstance(one, dict) else one for one in columns]}


def unpacked(column):
    """The column that `tables_html.column_data` was given, by the rules of the script."""
    return column | {key: _decimals_of(column[key]) for key in ENDS if isinstance(column.get(key), str)}


def _decimals_of(text):
    places, packed = text.split(":")
    whole = np.frombuffer(base64.b64decode(packed), DECIMALS).tolist()
    return [None if value == NONE else value / 10 ** int(places) for value in whole]


def verdicts_of(held):
    """What `failures_html.data` wrote, of each failure and model; probabilities are multiples of a thousandth."""
    return [
        [_verdict(letters[start : start + WIDTH]) for start in range(0, len(letters), WIDTH)]
        for letters in held["codes"]
    ]


def _verdict(letters):
    number = 0
    for letter in letters:
        number = number << 6 | LETTERS.index(letter)
    number, human = divmod(number, SHARES)
    choice, chosen = divmod(number, SHARES)
    shares = (None if share == SHARES - 1 else share / 1000 for share in (chosen, human))
    return Verdict(CHOICES[choice], *shares)
