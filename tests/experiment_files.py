"""Files of answers as experiments write them, drawn at random: each trial with the rows that stand around it.

The layouts are those that jsPsych, JATOS, Meadows, salmon and PsychoPy document or write.
"""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass, field

import numpy as np
from answer_corpus import WORDS

KINDS = (
    "jspsych.csv", "jspsych.json", "jspsych anchored.json", "jatos.txt", "jatos objects.jsonl", "meadows.json",
    "meadows_tree.json", "meadows_tree task.json", "meadows_tree named.json",
    "salmon.csv", "salmon.json", "psychopy.csv", "psychopy clicks.csv",
)


@dataclass
class Experiment:
    """text: of the file. triplets: two alike, sorted, and the odd one, or anchor, chosen, other. empty: other rows."""

    name: str
    text: str
    triplets: list
    people: list
    empty: int
    options: dict = field(default_factory=dict)


def json_to_csv(rows):
    """As jsPsych writes a CSV: all cells in quotes, and what is no text as JSON."""
    header = list(dict.fromkeys(name for row in rows for name in row))

    def quoted(value):
        cell = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
        return '"' + cell.replace('"', '""') + '"'

    lines = [[quoted(row[name]) if name in row else '""' for name in header] for row in rows]
    return "".join(",".join(cells) + "\r\n" for cells in [[*map(quoted, header)], *lines])


def plain_csv(rows, end=""):
    """As Python writes one; end: of each line."""
    header = list(dict.fromkeys(name for row in rows for name in row))
    out = io.StringIO()
    csv.writer(out, lineterminator=end + "\n").writerows([header, *([row.get(k, "") for k in header] for row in rows)])
    return out.getvalue()


def draw(seed, kind, t=None):
    """An experiment of some participants, whose file is of this kind."""
    rng = np.random.default_rng(seed)
    t, each, n = t or int(rng.integers(30, 60)), int(rng.integers(2, 5)), int(rng.integers(9, len(WORDS)))
    files = [f"stimuli/{word}_0{k % 7}b.jpg" for k, word in enumerate(WORDS[:n])]
    shown = [[files[k] for k in rng.permutation(n)[:3]] for _ in range(t)]
    who = np.arange(t) % each
    options = 2 if "anchored" in kind or "salmon" in kind else 3
    places = [int(k) for k in np.append(np.arange(options), rng.integers(options, size=t - options))]
    trials = [(f"p{w}", items, place, round(float(rng.gamma(4, 400)), 1))
              for w, items, place in zip(who, shown, places, strict=True)]
    made = {"jspsych": _jspsych, "jatos": _jatos, "meadows": _meadows, "salmon": _salmon, "psychopy": _psychopy}
    text, more, names = made[kind.split()[0].split("_")[0].split(".")[0]](kind, trials, rng, files)
    order = sorted(range(t), key=lambda k: trials[k][0]) if names["by person"] else range(t)
    triplets, people = [], []
    for person, items, place, _ in (trials[k] for k in order):
        items = [str(files.index(x)) for x in items] if names["numbers"] else items
        if options == 3:
            triplets.append((tuple(sorted(x for k, x in enumerate(items) if k != place)), items[place]))
        else:
            triplets.append((items[0], items[1 + place], items[2 - place]))
        people.append(names.get(person, person))
    return Experiment(kind, text, triplets, people, more, {"empty": "omit"} if more else {})


def _of_jspsych(kind, trials, rng, subject=True):
    rows = [
        {"success": True, "timeout": False, "failed_images": [], "trial_type": "preload", "trial_index": 0},
        {"view_history": [{"page_index": 0, "viewing_time": 1234}], "rt": 1834, "trial_type": "instructions"},
    ]
    for number, (person, items, place, rt) in enumerate(trials):
        rows.append({"rt": None, "stimulus": "<p>\n  +, wait\n</p>", "response": None, "trial_type": "html"})
        answer = {"rt": rt, "stimulus": "<p>odd?</p>", "response": place, "trial_type": "html-button-response"}
        shown = {"reference": items[0], "choices": items[1:]} if "anchored" in kind else {"stimuli": items}
        rows.append(answer | shown | {"phase": "test"})
        if number == 2:  # practice that ran out of time
            rows.append(answer | shown | {"response": None, "rt": None, "phase": "practice"})
        if subject:
            rows[-1]["subject"] = rows[-2]["subject"] = person
            rows[-1 - (number == 2)]["subject"] = person
    for number, row in enumerate(rows):
        row["trial_index"] = number
    return rows


def _jspsych(kind, trials, rng, files):
    rows = _of_jspsych(kind, trials, rng)
    text = json_to_csv(rows) if kind.endswith("csv") else json.dumps(rows)
    return text, len(rows) - len(trials), {"by person": False, "numbers": False}


def _jatos(kind, trials, rng, files):
    people = sorted({person for person, *_ in trials})
    lists = [_of_jspsych(kind, [one for one in trials if one[0] == person], rng, False) for person in people]
    names = {person: str(k) for k, person in enumerate(people, 1)} | {"by person": True, "numbers": False}
    documents = lists
    if "objects" in kind:
        documents = [{"PROLIFIC_PID": person, "trials": rows} for person, rows in zip(people, lists, strict=True)]
        names |= {person: person for person in people}
    return "\n".join(map(json.dumps, documents)), sum(map(len, lists)) - len(trials), names


def _meadows(kind, trials, rng, files):
    time = "2020-09-14T18:18:43.196Z"
    if "tree" not in kind:
        rows = [
            {"task": "odd1", "participation": person, **{f"stim{k + 1}_id": f"6f{k}" for k in range(3)},
             **{f"stim{k + 1}_name": x for k, x in enumerate(items)}, "start": time, "resp": time,
             "label": items[place]} for person, items, place, _ in trials
        ]
        return json.dumps(rows), 0, {"by person": False, "numbers": False}
    stimuli = [{"id": f"id{k}", "name": name, "type": "jpg"} for k, name in enumerate(files)]
    tree = {}
    for person in sorted({one[0] for one in trials}):
        answers = [
            {"ids": [f"id{files.index(x)}" for x in items], "start": time, "resp": time,
             "label": f"id{files.index(items[place])}"} for who, items, place, _ in trials if who == person
        ]
        info = {"status": "finished", "task": {"name": "gi", "task_type": "info"}, "stimuli": [], "trials": []}
        task = {"status": "finished", "task": {"name": "odd1"}, "stimuli": stimuli, "annotations": answers}
        tasks = {"gi": info, "odd1": task} if "named" in kind else [info, task]
        tree[person] = task if "tree task" in kind else {"token": None, "tasks": tasks}
    return json.dumps(tree), 0, {"by person": True, "numbers": False}


def _salmon(kind, trials, rng, files):
    rows = []
    for person, items, place, rt in trials:
        head, left, right = (files.index(x) for x in items)
        winner, loser = ((left, right), (right, left))[place]
        asked = zip(("head", "left", "right"), items, strict=True)
        html = {f"{k}_html": f'<img src="/static/{x}" />' for k, x in asked}
        rows.append({"head": head, "left": left, "right": right, "winner": winner, "sampler": "ARR", "score": -0.5,
                     "puid": person, "response_time": rt / 1000, "network_latency": 0.2, "time_received": 1.6e9,
                     "loser": loser, **html})
    return plain_csv(rows) if kind.endswith("csv") else json.dumps(rows), 0, {"by person": False, "numbers": True}


def _psychopy(kind, trials, rng, files):
    at = ("left", "middle", "right")
    about = {"session": "001", "date": "2024-05-01_10h00.00.000", "expName": "odd", "psychopyVersion": "2024.1.4"}
    first = {**dict.fromkeys(at, ""), "trials.thisN": "", "instruct_key.keys": "space", "instruct_key.rt": 2.5}
    rows = [first | {"participant": trials[0][0], **about}]
    for number, (person, items, place, rt) in enumerate(trials):
        clicks = {"mouse.clicked_name": f"['{at[place]}']", "mouse.x": f"[{rt / 1e4}]"}
        answer = clicks if "clicks" in kind else {"key_resp.keys": at[place], "key_resp.rt": rt / 1000}
        shown = dict(zip(at, items, strict=True))
        rows.append({**shown, "trials.thisN": number, **answer, "participant": person, **about})
    rows.append({"thanks.started": 61.2, "participant": trials[-1][0], **about})
    return "\ufeff" + plain_csv(rows, ","), 2, {"by person": False, "numbers": False}
