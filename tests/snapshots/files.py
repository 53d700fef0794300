"""Files of snapshots: documents of results, of which everything is made, and the texts that are shown of them.

There is one file of each for every kind of result. Documents are committed rather than computed, so that what is shown
of them is the same to the byte on every processor.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections import defaultdict
from dataclasses import is_dataclass
from functools import cache
from pathlib import Path

from pyalign._result import read_result
from pyalign.datasets.places import root
from pyalign.report.blocks import Column
from pyalign.report.text import blocks_of, cell

HERE = Path(__file__).parent
DOCUMENTS, SHOWN = HERE / "documents", HERE / "shown"
WIDTH = 240
TOGETHER = "together"  # in place of a kind, for what is shown of several results
VERSION, TIME = "0.1.0", "2026-01-01T00:00:00+00:00"
STEADY = {
    "version": VERSION, "time": TIME, "backend": "native", "seconds": 0.25, "items_per_second": 40.0, "bytes": 500_000,
    "outputs": {"file": "0123456789ab"}, "key": "0123456789ab",
}
# How a fit ended, which depends on rounding, and the processor of an extraction, of which its fingerprint depends.
LOOSE = {"gap", "gradient_norm", "n_iterations", "n_passes", "processor", "fingerprint"}
AS, SHORT = "the same as ", 100
PRINTED = re.compile(r"[-<]?[\d,]+(?:\.(\d+))?(?:e([-+]\d+))?(%?)")
MARK = re.compile(r"^==== (.*)\n", re.MULTILINE)


def file_of(folder, kind, suffix):
    return folder / f"{kind.replace(' ', '-')}{suffix}"


def read_documents():
    """kind -> {name: document}."""
    found = {}
    for path in sorted(DOCUMENTS.glob("*.json")):
        held = json.loads(path.read_text(encoding="utf-8"))
        found[next(iter(held.values()))["command"]] = held
    return found


@cache
def read_shown():
    """kind -> {name and part of each text: what was shown}."""
    found, whole = {}, {}
    for path in sorted(SHOWN.glob("*.txt")):
        _, *pieces = MARK.split(path.read_bytes().decode())
        texts = [text.removesuffix("\n") for text in pieces[1::2]]
        found[path.stem.replace("-", " ")] = dict(zip(pieces[::2], texts, strict=True))
        whole |= {f"{path.stem} / {title}": text for title, text in zip(pieces[::2], texts, strict=True)}
    return {
        kind: {title: whole[text[len(AS) :]] if text.startswith(AS) else text for title, text in texts.items()}
        for kind, texts in found.items()
    }


def write_shown(shown):
    """Writes kind -> {title: text}; a text that is the same as an earlier one only says so."""
    SHOWN.mkdir(exist_ok=True)
    first = {}
    for kind, texts in shown.items():
        path, pieces = file_of(SHOWN, kind, ".txt"), []
        for title, text in texts.items():
            here = f"{path.stem} / {title}"
            earlier = first.setdefault(text, here)
            pieces.append(f"==== {title}\n{text if earlier == here or len(text) < SHORT else f'{AS}{earlier}'}\n")
        path.write_bytes("".join(pieces).encode())


def write_documents(documents):
    """Writes name -> document; one that is what it was, but for rounding errors, stays as it is."""
    DOCUMENTS.mkdir(exist_ok=True)
    before, kinds = read_documents(), defaultdict(dict)
    for name, one in documents.items():
        old = before.get(one["command"], {}).get(name)
        kinds[one["command"]][name] = one if old is None or differences(old, one) else old
    for kind, held in kinds.items():
        file_of(DOCUMENTS, kind, ".json").write_bytes(f"{compact(held)}\n".encode())


def compact(value, indent=""):
    """JSON whose values stand on one line where they fit."""
    line = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict | list) or len(indent + line) <= WIDTH:
        return line
    inner = indent + " "
    if isinstance(value, dict):
        rows = [f"{json.dumps(key, ensure_ascii=False)}: {compact(one, inner)}" for key, one in value.items()]
    else:
        rows = _filled([compact(one, inner) for one in value], inner)
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    return f",\n{inner}".join([f"{opening}\n{inner}{rows[0]}", *rows[1:]]) + f"\n{indent}{closing}"


def _filled(cells, indent):
    """Short cells together on lines."""
    rows = [""]
    for one in cells:
        together = f"{rows[-1]}, {one}" if rows[-1] else one
        if "\n" in together or len(indent + together) > WIDTH:
            rows.append(one)
        else:
            rows[-1] = together
    return [row for row in rows if row]


def normalised(result, folder):
    """The document of a result without what differs from run to run, with eight digits. `folder`: of its files."""
    text = result.to_json()
    for place, name in ((folder, "FOLDER"), (root(), "DATASETS")):
        text = text.replace(json.dumps(str(place))[1:-1], name)
    document = _steady(rounded(json.loads(text), 8))
    return _steady(read_result(document, document["command"]).to_dict())  # what follows from the numbers


def _steady(value):
    """JSON in which times, hashes and versions are always the same."""
    if isinstance(value, list):
        return [_steady(one) for one in value]
    if not isinstance(value, dict):
        return value
    found = {key: STEADY[key] if key in STEADY and one is not None else _steady(one) for key, one in value.items()}
    if "sha256" in value and "dtype" in value:  # an input, which has no hash where its array is gone
        found["sha256"] = _digest(value["name"])
    return found


def _digest(text):
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def rounded(value, digits):
    """JSON whose floats have so many significant digits."""
    return json.loads(json.dumps(value), parse_float=lambda text: float(f"{float(text):.{digits}g}"))


def units_of(document):
    """number -> the unit of the last digit that any table of the document's view prints of it."""
    result, units = read_result(document, document["command"]), {}
    for verbose in (False, True):
        for column in _columns(blocks_of(result, verbose)):
            for value in (*column.values, *column.low, *column.high):
                if isinstance(value, float) and (digits := PRINTED.fullmatch(cell(value, column))):
                    after, power, percent = digits.groups()
                    unit = 10.0 ** (int(power or 0) - len(after or "") - (2 if percent else 0))
                    units[value] = min(unit, units.get(value, unit))
    return units


def _columns(block):
    """The columns of all tables in blocks."""
    if isinstance(block, Column):
        yield block
    parts = vars(block).values() if is_dataclass(block) else block if isinstance(block, list | tuple) else ()
    for part in parts:
        yield from _columns(part)


def differences(old, new, at="", within=1e-4, units=None):
    """Where two documents differ, a line each: keys, their order, types, texts and whole numbers must be the same,
    other numbers but for differences that are small: `within` of them, and a tenth of their last digit by `units_of`
    the first document, where that is less."""
    units = units_of(old) if units is None else units
    if type(old) is not type(new):
        return [f"{at}: {old!r:.60} is now {new!r:.60}"]
    if isinstance(old, dict) and list(old) != list(new):
        return [f"{at}: keys {list(old)} are now {list(new)}"]
    if isinstance(old, list) and len(old) != len(new):
        return [f"{at}: {len(old)} values are now {len(new)}"]
    if isinstance(old, dict | list):
        keys = old if isinstance(old, dict) else range(len(old))
        return [
            line
            for key in keys
            if key not in LOOSE
            for line in differences(old[key], new[key], f"{at}.{key}", within, units)
        ]
    same = old == new
    if isinstance(old, float):
        near = math.isclose(old, new, rel_tol=within, abs_tol=within / 100)
        same = same or (near and abs(old - new) <= units.get(old, math.inf) / 10)
    return [] if same else [f"{at}: {old!r:.60} is now {new!r:.60}"]
