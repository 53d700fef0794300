"""Where each number of a page comes from, by look-ups in the documents alone; nothing of the page's own code."""

from __future__ import annotations

import bisect
import math
from collections import Counter
from html.parser import HTMLParser

from pyalign.report.blocks import Column
from pyalign.report.page.parts_html import STATIC

TEXTS = ("documents-table", "inputs-table", "settings-table", "extraction-table", "extraction-layers", "study-missing")


def label(name):
    """What a file is called."""
    return name.replace("\\", "/").rpartition("/")[2].rpartition(".")[0] or name


def at(row, path):
    """A field of a field, None where there is none."""
    for key in path.split("."):
        row = None if row is None else row.get(key)
    return row


def flat(rows, key, **more):
    """The rows of a list in each row, with fields of that row: new name -> name."""
    return [{**inner, **{new: row[old] for new, old in more.items()}} for row in rows for inner in row.get(key) or ()]


def number_free(column):
    return all(value is None or isinstance(value, str) for value in column["values"])


def cells(column):
    """(value, low, high) of each row."""
    none = [None] * len(column["values"])
    return list(zip(column["values"], column.get("low") or none, column.get("high") or none, strict=True))


def expected(rows, path, interval=None):
    found = []
    for row in rows:
        ends = at(row, interval) if interval else None
        found.append((at(row, path), *(ends or (None, None))))
    return found


def tables(documents):
    """name of a table -> (rows of the documents, {header: (field, interval)}): all that it shows as numbers."""
    d = documents
    scores, embed = d["score"]["results"], d["embed"]
    again = [{**one, "dimensions": [{**row, "ends": [row["low"], row["high"]]} for row in one["dimensions"]]}
             for one in embed["stability"]]
    changed = {"before": ("before", "before_ci"), "after": ("after", "after_ci"), "difference": ("difference", "ci"),
               "p": ("p_value", None)}
    ranks = {row["model"]: row for row in d["compare"]["models"]}
    fitted = {row["embeddings"]: row for row in d["calibrate"]["results"]}
    ceiling = d["ceiling"]["ceilings"]["estimate"]["value"]
    board = []
    for row in scores:
        cosine = row["measure"] == "cosine"
        board.append({
            **row, "rank": ranks[row["embeddings"]] if cosine else {},
            "place": (row["accuracy"] - 1 / 3) / (ceiling - 1 / 3),
            "fit": fitted.get(row["embeddings"], {}) if cosine else {}, "name": row["embeddings"],
        })
    probe = d["probe"]
    tested = sum(fold["n_test"] for fold in probe["folds"]) // probe["repeats"]
    board.append({
        **probe, "ci": probe["accuracy_interval"], "cross_entropy_ci": probe["cross_entropy_interval"],
        "n_triplets": tested, "name": probe["embeddings"], "place": (probe["accuracy"] - 1 / 3) / (ceiling - 1 / 3),
    })
    sizes = {one["model"]: one["values"]["parameters"] for one in d["metadata"]["points"]}
    for row in board:
        row["parameters"] = sizes.get(row["name"])
    ceilings = [*d["ceiling"]["ceilings"].values(), {"value": d["ceiling"]["guessing"]}]
    rsa, weighted = d["rsa"]["results"], flat(d["rsa"]["weighted"], "pairs")
    by_correlation = {row["correlation"]: row["ceiling"] for row in rsa}
    concepts = {by: [row for row in d["concepts"]["results"] if row["by"] == by] for by in ("dimensions", "categories")}
    n = len(d["failures"]["models"])
    wrong = [{"n": d["failures"]["n_wrong"][k], "share": d["failures"]["n_wrong"][k] / d["failures"]["n_triplets"]}
             for k in range(n)]
    found = {
        "accuracy-table": (board, {
            "Accuracy": ("accuracy", "ci"), "Chance to ceiling": ("place", "fraction_of_ceiling_ci"),
            "Rank": ("rank.rank", "rank.rank_ci"),
            "Cross-entropy": ("cross_entropy", "cross_entropy_ci"), "Temperature": ("temperature", None),
            "Fitted temperature": ("fit.temperature", "fit.temperature_ci"), "parameters": ("parameters", None),
            "Cross-entropy there": ("fit.test.cross_entropy", "fit.test.cross_entropy_ci"), "Ties": ("n_ties", None),
            "Triplets": ("n_triplets", None)}),
        "differences-table": (d["compare"]["pairs"], {
            "accuracy": ("difference", "ci"), "p": ("p_value", None), "p (Holm)": ("p_adjusted", None),
            "p (max-t)": ("p_max_t", None), "cross-entropy": ("cross_entropy_difference", "cross_entropy_ci")}),
        "ranks-table": (d["compare"]["models"], {
            "rank": ("rank", "rank_ci"), "accuracy": ("accuracy", "ci"), "s.e.": ("standard_error", None),
            "cross-entropy": ("cross_entropy", "cross_entropy_ci"), "ties": ("n_ties", None)}),
        "metadata-slopes": (d["metadata"]["results"], {"models": ("n_models", None)}),
        "metadata-ranks": ([row for row in d["metadata"]["results"] if row["scale"] == "linear"], {
            "models": ("n_models", None), "families": ("n_families", None),
            "Spearman": ("rank_correlation", "rank_ci")}),
        "metadata-groups": (d["metadata"]["groups"], {
            "models": ("n_models", None), "mean accuracy": ("accuracy", "ci"), "lowest": ("lowest", None),
            "highest": ("highest", None), "s.d. of models": ("deviation", None)}),
        "probes-table": ([{**probe, "n": tested, "folds": len(probe["folds"]),
                           "gain": probe["accuracy"] - probe["zero_shot_accuracy"]}], {
            "zero-shot": ("zero_shot_accuracy", "zero_shot_interval"), "probed": ("accuracy", "accuracy_interval"),
            "gain": ("gain", "difference_interval"), "cross-entropy": ("cross_entropy", "cross_entropy_interval"),
            "folds": ("folds", None), "triplets": ("n", None), "chance": ("chance", None)}),
        "probes-folds": ([{**fold, "fold": k} for k, fold in enumerate(probe["folds"], 1)], {
            "fold": ("fold", None), "zero-shot": ("zero_shot_accuracy", None), "accuracy": ("accuracy", None),
            "s.e.": ("accuracy_error", None), "cross-entropy": ("cross_entropy", None), "penalty": ("penalty", None),
            "rank": ("rank", None), "train": ("n_train", None), "test": ("n_test", None)}),
        "transfer-table": ([row for row in d["transfer"]["figures"] if row["category"] is None], changed),
        "transfer-categories": (sorted((row for row in d["transfer"]["figures"] if row["category"] is not None),
                                       key=lambda row: -abs(row["difference"])), changed),
        "embedding-folds": ([*({**row, "fold": k} for k, row in enumerate(embed["folds"], 1)),
                             {name: embed[name] for name in ("accuracy", "cross_entropy")},
                             {"n_train": embed["fit"]["n_triplets"],
                              **{name: embed["fit"][name] for name in ("n_dimensions", "shrinkage", "sparsity")}}], {
            "accuracy": ("accuracy", None), "cross-entropy": ("cross_entropy", None),
            "dimensions": ("n_dimensions", None), "shrinkage": ("shrinkage", None), "sparsity": ("sparsity", None),
            "train": ("n_train", None), "test": ("n_test", None)}),
        "embedding-against": (embed["against"], {
            "accuracy": ("accuracy", "accuracy_interval"), "cross-entropy": ("cross_entropy", "cross_entropy_interval"),
            "difference": ("difference", "difference_interval"), "dimensions": ("n_dimensions", None),
            "nats": ("cross_entropy_difference", "cross_entropy_difference_interval"), "matched": ("matched", None)}),
        "embedding-stability": (embed["stability"], {
            "fits": ("n_fits", None), "matched": ("n_matched", None), "above .8": ("above_8", None),
            "above .9": ("above_9", None), "as in VICE": ("vice_above_8", None), "similarities": ("similarity", None)}),
        "embedding-dimensions": (
            [{**row, **{one["over"]: one["dimensions"][row["dimension"] - 1] for one in again}}
             for row in embed["fit"]["dimensions"]],
            {"dimension": ("dimension", None), "mass": ("mass", None), "objects": ("n_objects", None),
             "share": ("share", None),
             **{one["over"]: (f"{one['over']}.correlation", f"{one['over']}.ends") for one in again}}),
        "dimensions-models": (d["predict"]["results"], {
            "mean R^2": ("mean_r2", "ci"), "accuracy": ("accuracy", "accuracy_ci"),
            "within folds": ("accuracy_within_folds", None), "as it is": ("own_accuracy", None)}),
        "dimensions-differences": (d["predict"]["differences"], {
            "R^2": ("difference", "ci"), "p": ("p_value", None), "p (Holm)": ("p_adjusted", None)}),
        "reliability-table": (d["calibrate"]["results"], {
            "T": ("temperature", "temperature_ci"), "ECE, T = 1": ("ece_equal_width_before", None),
            "ECE": ("equal_width.ece", None), "ECE, equal mass": ("equal_mass.ece", None),
            "CE, T = 1": ("test.cross_entropy_before", "test.cross_entropy_before_ci"),
            "answers": ("test.n_answers", None), "floor": ("equal_width.ece_floor", None),
            "debiased": ("equal_width.ece_debiased", "equal_width.ece_debiased_ci"),
            "CE": ("test.cross_entropy", "test.cross_entropy_ci"),
            "accuracy": ("test.accuracy", "test.accuracy_ci"), "lapse rate": ("lapses.rate", "lapses.rate_ci"),
            "T, lapses": ("lapses.temperature", "lapses.temperature_ci"), "gain": ("lapses.gain", "lapses.gain_ci"),
            "CE, lapses": ("lapses.cross_entropy", "lapses.cross_entropy_ci"),
            "Brier score": ("equal_mass.brier.score", "equal_mass.brier.score_ci")}),
        "ceilings-table": (ceilings, {"Accuracy": ("value", "ci")}),
        "agreement-table": (d["agreement"]["results"], {
            "r shares": ("share_pearson", "share_pearson_ci"), "Entropy": ("model_entropy", "model_entropy_ci"),
            "KL": ("kl", "kl_ci"), "r entropy": ("entropy_pearson", "entropy_pearson_ci"),
            "rho entropy": ("entropy_spearman", "entropy_spearman_ci"), "JS": ("js_distance", "js_distance_ci"),
            "Accuracy": ("accuracy", "accuracy_ci"), "Of majority": ("majority_accuracy", "majority_accuracy_ci"),
            "Temperature": ("temperature", None)}),
        "agreement-bins": (flat(d["agreement"]["results"], "bins"), {
            "From": ("low", None), "To": ("high", None), "Triplets": ("n_distinct", None),
            "mean": ("majority_share", "majority_share_ci"), "Accuracy": ("accuracy", "accuracy_ci"),
            "Of majority": ("majority_accuracy", "majority_accuracy_ci"),
            "p(majority)": ("majority_probability", "majority_probability_ci")}),
        "rsa-table": (rsa, {
            "correlation": ("value", "ci"), "p": ("p_value", None), "pairs": ("n_pairs", None),
            "partial": ("partial.value", "partial.ci")}),
        "rsa-people": (rsa, {
            "mean": ("per_person.mean", "per_person.ci"), "ceiling, lower": ("ceiling.lower", None),
            "ceiling, upper": ("ceiling.upper", None)}),
        "rsa-against": (rsa, {
            "less lower": ("per_person.against_lower.difference", "per_person.against_lower.ci"),
            "p (Holm)": ("per_person.against_lower.p_adjusted", None),
            "of lower": ("per_person.of_lower.value", "per_person.of_lower.ci"),
            "of upper": ("per_person.of_upper.value", "per_person.of_upper.ci"),
            "disattenuated": ("per_person.disattenuated.value", "per_person.disattenuated.ci")}),
        "rsa-ceilings": ([{"value": one[name], "ci": one[f"{name}_ci"]} for one in by_correlation.values()
                          for name in ("lower", "upper", "reliability")], {"value": ("value", "ci")}),
        "rsa-differences": (d["rsa"]["pairs"], {
            "correlation": ("difference", "ci"), "p": ("p_value", None), "p (Holm)": ("p_adjusted", None)}),
        "rsa-mean-differences": ([pair["per_person"] for pair in d["rsa"]["pairs"]], {
            "mean": ("difference", "ci"), "p": ("p_value", None), "p (Holm)": ("p_adjusted", None)}),
        "rsa-weighted-0": (weighted, {
            "correlation": ("difference", "ci"), "p": ("p_value", None), "p (Holm)": ("p_adjusted", None)}),
        "rsa-weighted-1": ([pair["per_person"] for pair in weighted], {
            "mean": ("difference", "ci"), "p": ("p_value", None), "p (Holm)": ("p_adjusted", None)}),
        "consistency-table": (d["consistency"]["pairs"], {
            "kappa": ("kappa", "ci"), "least": ("kappa_min", None), "most": ("kappa_max", None),
            "unbiased": ("unbiased_kappa", None), "same choice": ("same_choice", "same_choice_ci"),
            "copied": ("copy_probability", "copy_ci"),
            "both wrong": ("both_wrong", None), "if independent": ("both_wrong_expected", None),
            "p": ("p_value", None), "p (Holm)": ("p_adjusted", None)}),
        "recovery-table": (d["recover"]["by_model"], {
            "Temperature": ("temperature", None), "Recovered": ("recovery_rate", "ci"),
            "How often": ("mistaken_share", None), "Ties": ("n_ties", None)}),
        "recovery-curve": (d["recover"]["curve"], {
            "Triplets": ("n_triplets", None), "Recovered": ("recovery_rate", "ci"),
            "Drawn beyond the study": ("drawn", None)}),
        **{f"experiment-{name}": (d["plan experiment"][name], {
            "objects": ("n_objects", None), "participants": ("n_subjects", None),
            "answers each": ("answers_per_subject", None), "answers": ("n_answers", None),
            "s.e.": ("standard_error", None), "width": ("width", None), "power": ("power", None),
            "assurance": ("assurance", None), "cost": ("cost", None)}) for name in ("needed", "designs")},
        "wrong": (wrong, {"wrong": ("n", None), "share": ("share", None)}),
    }
    found |= of_neighborhoods(d)
    missed = {"explained": ("explained", None), "triplets": ("n_triplets", None), "missed": ("n_missed", None),
              "all miss": ("missed", None), "ratio": ("ratio", None), "excess": ("excess", "ci"),
              "p": ("p_value", None), "p (Holm)": ("p_adjusted", None), "of misses": ("share", None)}
    for k, (by, results) in enumerate(concepts.items()):
        end = "" if k == 0 else f"-{k + 1}"
        rows = flat(results, "concepts", embeddings="embeddings")
        of = {(row["embeddings"], row["concept"]): row["accuracy"] for row in rows}
        found[f"concepts-table{end}"] = rows + [one["unassigned"] for one in results if one.get("unassigned")], {
            "accuracy": ("accuracy", "ci"), "triplets": ("n_triplets", None),
            "objects": ("n_objects", None)}
        apart = [{**row, "own": of[row["embeddings"], row["concept"]], "its": of[row["other"], row["concept"]]}
                 for row in d["concepts"]["differences"] if row["by"] == by]
        found[f"concepts-differences{end}"] = apart, {
            "its accuracy": ("own", None), "of the other": ("its", None), "difference": ("difference", "ci"),
            "p": ("p_value", None), "p (Holm)": ("p_adjusted", None), "triplets": ("n_triplets", None)}
        found[f"missed-{by}"] = [row for row in d["consistency"]["missed"] if row["by"] == by], missed
    found["dimensions-table"] = flat(d["predict"]["results"], "dimensions"), {
        "R^2": ("r2", "ci"), "r": ("correlation", None)}
    alike, differences = [], []
    for one in d["cka"]["results"]:
        m = len(one["models"])
        pairs = [(i, j) for i in range(m) for j in range(i + 1, m)]
        squares = ("matrix", "null_threshold", "calibrated", "p_value", "p_adjusted")
        alike += [{key: one[key][i][j] for key in squares} | {"ci": score["ci"]}
                  for (i, j), score in zip(pairs, one["scores"], strict=True)]
        differences += one["differences"]
    found["cka-table"] = alike, {
        "similarity": ("matrix", "ci"), "threshold": ("null_threshold", None), "calibrated": ("calibrated", None),
        "p": ("p_value", None), "p (Holm)": ("p_adjusted", None)}
    found["cka-differences"] = differences, {
        "difference": ("difference", "ci"), "p": ("p_value", None), "p (Holm)": ("p_adjusted", None)}
    for name, document, key in (
        ("layers-table", d["layers"], "matrix"), ("recovery-confusion", d["recover"], "confusion")):
        heads = document["second"] if name == "layers-table" else [label(one) for one in document["models"]]
        found[name] = (
            [dict(zip(heads, row, strict=True)) for row in document[key]], {one: (one, None) for one in heads})
    return found


def of_neighborhoods(d):
    """The tables of each object's neighborhood."""
    tables = {}
    for end, name in (("", "neighborhoods"), ("-2", "neighborhoods of dimensions")):
        rows = d[name]["results"]
        people = end == ""
        agreed = {"overlap": ("overlap", "ci"), "p": ("p_value", None), "rbo": ("rbo", "rbo_ci"),
                  "p of the rbo": ("rbo_p_value", None)} if people else {}
        figures = agreed | {"purity": ("purity", "purity_ci"), "by chance": ("chance", None),
                            "p of purity": ("purity_p_value", None)}
        kept = {"kept": ("kept", None), "rbo kept": ("kept_rbo", None)} if people else {}
        tables[f"neighborhoods{end}"] = rows, figures
        tables[f"neighborhoods-hubs{end}"] = rows, kept | {
            "skewness": ("skewness", None), "Robin Hood": ("robin_hood", None),
            "by hubs": ("hub_occurrence", None), "of none": ("antihubs", None)}
        tables[f"neighborhoods-concepts{end}"] = flat(rows, "concepts"), figures | {
            "objects": ("n_objects", None), "its mean similarity": ("medoid.value", None)} | (
            {"p (corrected)": ("p_adjusted", None)} if people else {})
        tables[f"neighborhoods-objects{end}"] = flat(rows, "objects"), kept | {
            "neighbor of": ("occurrences", None), "purity": ("purity", None)} | (
            {"overlap": ("overlap", None), "rbo": ("rbo", None)} if people else {})
    d_objects = d["neighborhoods"]
    tables["neighborhoods-differences"] = [row for row in d_objects["differences"] if row["concept"] is None], {
        "overlap": ("difference", "ci"), "p (corrected)": ("p_adjusted", None)}
    tables["neighborhoods-duplicates"] = [
        {**one, "n": len(one["rows"])} for one in flat(d_objects["results"], "duplicates")
    ], {"size": ("n", None), "equal": ("exact", None), "least": ("least", None)}
    return tables


def row_of(row, columns):
    """What a row shows: (value, low, high) of each column."""
    found = []
    for path, interval in columns.values():
        held = row.get(path) if path in row else at(row, path)
        ends = at(row, interval) if interval else None
        found.append(tuple(None if one is None else round(float(one), 12) for one in (held, *(ends or (None, None)))))
    return tuple(found)


def check_table(name, table, rows, columns):
    """Both ways: the rows of the table are those of the documents, as often, and no number is of anything else."""
    heads = {one["header"]: one for one in table["columns"]}
    columns = {head if head in heads else Column(head, ()).heading: paths for head, paths in columns.items()}
    unknown = [head for head, one in heads.items() if head not in columns and not number_free(one)]
    assert not unknown, f"{name}: numbers that nobody has looked up: {unknown}"
    there = [head for head in columns if head in heads]
    for head in set(columns) - set(there):  # a column may be left out where no row has a value
        assert all(value[0] is None for value in (row_of(row, {head: columns[head]})[0] for row in rows)), (name, head)
    shown = zip(*(cells(heads[head]) for head in there), strict=True)
    shown = Counter(
        tuple(tuple(None if one is None else round(float(one), 12) for one in cell) for cell in row) for row in shown
    )
    held = Counter(row_of(row, {head: columns[head] for head in there}) for row in rows)
    assert shown == held, (name, list((shown - held).items())[:2], list((held - shown).items())[:2])


class Cells(HTMLParser):
    """The texts of the cells of each table of a page: name -> rows."""

    def __init__(self):
        super().__init__()
        self.tables, self.inside, self.row, self.text = {}, None, None, None

    def handle_starttag(self, tag, attributes):
        held = dict(attributes)
        if "data-table" in held:
            self.inside = self.tables.setdefault(held["data-table"], [])
        elif tag == "tr":
            self.row = []
        elif tag in ("td", "th"):
            self.text = []

    def handle_data(self, data):
        if self.text is not None:
            self.text.append(data)

    def handle_endtag(self, tag):
        if tag in ("td", "th") and self.text is not None:
            self.row.append("".join(self.text))
            self.text = None
        elif tag == "tr" and self.row is not None and self.inside is not None:
            self.inside.append(self.row)
            self.row = None


def cells_of(html):
    """name -> rows of texts; the first is that of the headers."""
    reader = Cells()
    reader.feed(html[html.index("<body>") :].split('<script type="application/json"')[0])
    return reader.tables


def check_shown(text, cell, column):
    """A text as people read it is the value, and the ends of its interval, rounded."""
    value, low, high = cell
    if value is None:
        assert text == "\u2013"
        return
    if isinstance(value, bool):
        assert text == ("yes" if value else "no")
        return
    if isinstance(value, str):
        return
    first, *ends = [part for part in text.replace("%", "").replace(" to ", " ").split(" ") if part]
    if low is not None and high is None:  # without an upper bound
        assert ends.pop(0) == "above"
    held = [one for one in (value, low, high) if one is not None]
    assert len([first, *ends]) == len(held), (text, cell)
    for shown, one in zip([first, *ends], held, strict=True):
        close(shown, one, column)


def close(shown, value, column):
    """By the half of the last digit that is shown."""
    if shown == "<0.0001":
        assert value < 0.0001
        return
    plain = shown.replace("\u2212", "-").replace(",", "")
    mantissa, _, power = plain.partition("e")
    digits = len(mantissa.partition(".")[2])
    scale = 100 if column["form"] in ("percent", "bar") else 1
    step = 10.0 ** (int(power or 0) - digits)
    assert abs(float(plain) - scale * value) <= step / 2 * (1 + 1e-9) + 1e-12, (shown, value)
    if column["form"] in ("percent", "bar", "number") and abs(value) < 1e7:
        whole = len(str(int(abs(value)))) if column["form"] == "number" else 1
        most = column["places"] if whole == 1 else max(0, 5 - whole)  # five digits of numbers of 10 and more
        assert digits == min(most, column["places"]), (shown, column["places"])


def check_cells(html, data):
    """Every table that stands in the page as a whole shows its data, row by row, in its order."""
    found = cells_of(html)
    count = 0
    for name, rows in found.items():
        columns = data[name]["columns"]
        numbered = int(data[name]["numbered"])
        order = list(range(len(columns[0]["values"])))
        if data[name]["sort"]:
            head, down = data[name]["sort"]
            values = next(one["values"] for one in columns if one["header"] == head)
            there = sorted((k for k in order if values[k] is not None), key=lambda k: values[k], reverse=down)
            order = there + [k for k in order if values[k] is None]
        assert len(rows) - 1 in (len(order), STATIC), name
        for row, k in zip(rows[1:], order, strict=False):
            for text, column in zip(row[numbered:], columns, strict=True):
                check_shown(text, cells(column)[k], column)
                count += 1
    return count


def numbers_in(value):
    """All numbers in a document."""
    if isinstance(value, dict):
        return {number for one in value.values() for number in numbers_in(one)}
    if isinstance(value, list):
        return {number for one in value for number in numbers_in(one)}
    return {value} if isinstance(value, int | float) and not isinstance(value, bool) else set()


# Fields of charts that are places on the paper, and charts whose numbers are rounded to four digits.
PLACES = ("at", "place", "spoken", "x", "y", "row", "column")


def check_chart(name, chart, documents):
    """What a chart draws is in the documents (differences and lines of equality aside); all of it, to 4 digits."""
    known = sorted(numbers_in(list(documents.values())))
    points = 0
    for rows in chart["datasets"].values():
        for row in rows:
            held = numbers_in(
                {key: one for key, one in row.items() if key not in PLACES} if isinstance(row, dict) else row
            )
            for one in held:
                points += 1
                assert near(one, known), (name, one, row)
    return points


def near(value, known):
    k = bisect.bisect_left(known, value - 5.1e-5)
    exact = any(math.isclose(one, value, rel_tol=1e-12, abs_tol=1e-15) for one in known[k : k + 400])
    return exact or (round(value, 4) == value and k < len(known) and known[k] <= value + 5.1e-5)
