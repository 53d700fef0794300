"""RSA as tables: correlations with the mean matrix; those with each person's, beside their ceiling; differences."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pyalign.pairwise.rsa_result import Rsa, RsaPair
from pyalign.report._old_cells import counted, interval, labels_of, number
from pyalign.report.tables import ELSEWHERE, Column, Rows, fitted_table, noted, one_line, p_text, shortened

CLOSED = "closed form"
MOST_PAIRS = 45  # differences in a table
POOLED = {"ranks": "their ranks", "standardized": "standardized values", "unit": "unit vectors", "raw": "raw values"}


def rsa_table(found: Rsa, width: int | None = None, verbose: bool = False) -> str:
    """The two quantities in two tables, the ceiling in that of its own; then pairs of models, and weighted sums."""
    labels = _labels(found, verbose)
    several = found.n_people is not None
    with_mean, same = fitted_table(_with_mean(found, labels), width, verbose)
    title = "correlation with the mean matrix of the people" if several else "correlation with the human matrix"
    parts = [f"{title}\n{with_mean}", noted([*_notes(found), *same], width, verbose)]
    if several:
        table, same = fitted_table(_per_person(found, labels), width, verbose)
        parts.append(f"\nmean over people of the correlation with each, and its noise ceiling\n{table}")
        parts.append(noted([*_ceiling_notes(found), *same], width, verbose))
    if found.pairs:
        shown = found.pairs if verbose else found.pairs[:MOST_PAIRS]
        table, same = fitted_table(_pairs(shown, found, labels), width, verbose)
        parts.append(f"\ndifferences of correlations with the mean matrix\n{table}" if several else f"\n{table}")
        hidden = len(found.pairs) - len(shown)
        told = [f"the first {len(shown)} of {len(found.pairs):,}: {ELSEWHERE}"] if hidden else []
        tested = sum(pair.p_value is not None for pair in found.pairs)
        if tested:
            told.append(f"p ({_short(found)}) corrected for {counted(tested, 'pair')}")
        parts.append(noted([*told, *same], width, verbose))
    for one in found.weighted or ():
        called = {
            **labels,
            **{f"{r.embeddings} {r.measure}": f"{_named(r.embeddings, labels)} {r.measure}" for r in found.results},
        }
        weights = ", ".join(f"{_named(name, called)} {weight:.3f}" for name, weight in one.weights.items())
        told = [
            f"weighted sum, {one.correlation}: {number(one.value)}, mean of {len(one.folds)} folds of objects that "
            f"no weight was fitted to (seed {one.seed})",
            f"weights, fitted to all pairs: {weights}",
        ]
        parts.append("\n" + noted(told, width, verbose))
    return "\n".join(parts)


def _labels(found: Rsa, verbose: bool) -> dict[str, str]:
    names = list(dict.fromkeys(row.embeddings for row in found.results))
    short = labels_of(names, verbose)
    return {**short, **{row.embeddings: one_line(row.label) for row in found.results if row.label}}


def _named(name: str, labels: dict[str, str]) -> str:
    return labels.get(name) or one_line(name)


def _columns(found: Rsa, labels: dict[str, str]) -> tuple[list[Column], Callable[..., Column]]:
    column = Rows(found.results).column
    note = "{}" if len(found.results) > 1 else ""
    return [
        column("model", lambda r: _named(r.embeddings, labels)),
        column("measure", lambda r: r.measure or "as given", 9, f"measure {note}" if note else ""),
        column("by", lambda r: r.correlation, 9, note),
    ], column


def _with_mean(found: Rsa, labels: dict[str, str]) -> list[Column]:
    columns, column = _columns(found, labels)
    columns.append(column("correlation", lambda r: number(r.value)))
    if found.ci_by is not None:
        columns.append(column(f"{100 * found.confidence:g} % interval", lambda r: interval(r.ci)))
        columns.append(column("s.e.", lambda r: number(r.standard_error), 6))
    if found.permutations is not None:
        columns.append(column("p", lambda r: p_text(r.p_value)))
    if any(row.partial is not None for row in found.results):
        columns.append(column("partial", lambda r: number(r.partial.value if r.partial else None), 8))
        columns.append(column("interval", lambda r: interval(r.partial.ci if r.partial else None), 5))
    return columns


def _per_person(found: Rsa, labels: dict[str, str]) -> list[Column]:
    columns, column = _columns(found, labels)
    columns.append(column("mean", lambda r: number(r.per_person.mean if r.per_person else None)))
    if found.ci_by is not None:
        crowded = len(_measures(found)) > 1 and len({row.correlation for row in found.results}) > 1
        header, keep = f"{100 * found.confidence:g} % interval", 8 if crowded else 9
        columns.append(column(header, lambda r: interval(r.per_person.ci if r.per_person else None), keep))
        columns.append(column("s.e.", lambda r: number(r.per_person.standard_error if r.per_person else None), 6))
    if any(row.ceiling is not None for row in found.results):
        columns.append(column("ceiling", lambda r: interval((r.ceiling.lower, r.ceiling.upper) if r.ceiling else None)))
    return columns


def _measures(found: Rsa) -> set[str]:
    return {row.measure for row in found.results if row.measure}


def _pairs(pairs: Sequence[RsaPair], found: Rsa, labels: dict[str, str]) -> list[Column]:
    crowded = len(_measures(found)) > 1

    def fit(room: int) -> list[str]:
        return _differences(pairs, labels, crowded, room)

    column = Rows(pairs).column
    return [
        Column("difference", tuple(_differences(pairs, labels, crowded, None)), fit=fit),
        column("by", lambda p: p.correlation, 9, "{}"),
        column("correlation", lambda p: number(p.difference)),
        column(f"{100 * found.confidence:g} % interval", lambda p: interval(p.ci), 7 if crowded else 9),
        column("s.e.", lambda p: number(p.standard_error), 4),
        column("p", lambda p: p_text(p.p_value), 6),
        column(f"p ({_short(found)})", lambda p: p_text(p.p_adjusted)),
    ]


def _differences(pairs: Sequence[RsaPair], labels: dict[str, str], measures: bool, room: int | None) -> list[str]:
    """What is less what, with their measures where they have several; names shortened so that both sides are seen."""
    names = list(dict.fromkeys(name for pair in pairs for name in (pair.a, pair.b)))
    called = [_named(name, labels) for name in names]
    if room is not None:
        own = [1 + len(one or "") for pair in pairs for one in (pair.a_measure, pair.b_measure)] if measures else [0]
        called = shortened(called, max(4, (room - 3) // 2 - max(own)))
    short = dict(zip(names, called, strict=True))

    def side(name: str, measure: str | None) -> str:
        return short[name] + (f" {measure}" if measures and measure else "")

    return [f"{side(pair.a, pair.a_measure)} - {side(pair.b, pair.b_measure)}" for pair in pairs]


def _short(found: Rsa) -> str:
    return {"holm": "Holm", "benjamini-hochberg": "B.-H."}[found.correction]


def _notes(found: Rsa) -> list[str]:
    first = found.results[0]
    notes = [f"human: {one_line(found.human)}"] if found.human else []
    notes.append(f"{first.n_objects:,} objects, {counted(first.n_pairs, 'pair')}")
    if first.n_missing:
        notes.append(f"{counted(first.n_missing, 'pair')} missing")
    if found.n_people is not None:
        notes.append(counted(found.n_people, "person", "people"))
    if found.ci_by is not None:
        over = found.ci_by.replace("subjects", "people").replace("+", " and ")
        drawn = f"{found.ci_method}, {found.resamples:,} resamples, seed {found.seed}" if found.resamples else CLOSED
        notes.append(f"intervals ({drawn}) over {over}")
    if found.permutations is not None:
        notes.append(f"p by {found.permutations:,} relabellings of the objects, one-sided")
    return notes


def _ceiling_notes(found: Rsa) -> list[str]:
    ceilings = {row.ceiling.pooling for row in found.results if row.ceiling is not None}
    if not ceilings:
        return ["one person: no ceiling"]
    pooled = ", ".join(POOLED[one] for one in sorted(ceilings))
    return [f"ceiling: each person with the mean of the others, and of all ({pooled} pooled)"]
