"""RSA: correlations with the mean matrix, those with each person with their ceiling, differences, weighted sums."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pyalign.pairwise.rsa_result import Rsa, RsaPair, RsaResult, WeightedRsa
from pyalign.report.blocks import PAGE, TEXT, Block, Column, Foot, Rows, Table
from pyalign.report.cells import CORRECTED, counted, interval_header, model_labels, number
from pyalign.report.words import ELSEWHERE, one_line, shortened

CLOSED = "closed form"
MOST_PAIRS = 45  # differences in a table
POOLED = {"ranks": "their ranks", "standardized": "standardized values", "unit": "unit vectors", "raw": "raw values"}


def rsa_view(result: Rsa, verbose: bool = False) -> list[Block]:
    """The two quantities in two tables, the ceiling in that of its own; then pairs of models, and weighted sums."""
    labels = labels_of(result, verbose)
    of_people = result.n_people is not None
    title = "correlation with the mean matrix of the people" if of_people else "correlation with the human matrix"
    blocks: list[Block] = [
        Table((*_naming_columns(result, labels), *mean_columns(result)), title=title), Foot(_notes(result)),
    ]  # fmt: skip
    if of_people:
        title = "mean over people of the correlation with each, and its noise ceiling"
        columns = (*_naming_columns(result, labels), *person_columns(result))
        blocks += [Table(columns, title=title), Foot(_ceiling_notes(result))]
    if result.pairs:
        shown = result.pairs if verbose else result.pairs[:MOST_PAIRS]
        title = "differences of correlations with the mean matrix" if of_people else ""
        blocks += [Table(pairs_table(result, labels, shown).columns, title=title), Foot(_pair_notes(result, shown))]
    return blocks + [Foot(_weighted_notes(one, result, labels), apart=True) for one in result.weighted or ()]


def labels_of(result: Rsa, verbose: bool = False, labels: Mapping[str, str] | None = None) -> dict[str, str]:
    """What each model is called in tables and charts; `labels`: those of a page."""
    return model_labels([(row.embeddings, row.label) for row in result.results], verbose, labels)


def _naming_columns(result: Rsa, labels: Mapping[str, str]) -> tuple[Column, ...]:
    """Of each row the model, the measure and the correlation."""
    column, several = Rows(result.results).column, len(result.results) > 1
    return (
        column("model", lambda r: labels[r.embeddings]),
        column("measure", lambda r: r.measure or "as given", same="measure {}" if several else "", filter=True),
        column("by", lambda r: r.correlation, same="{}" if several else "", filter=True),
    )


def mean_columns(result: Rsa) -> tuple[Column, ...]:
    """Of each row the correlation with the mean matrix, or with the one matrix, and what other models leave of it."""
    column = Rows(result.results).column
    columns = [
        column("correlation", lambda r: r.value, "number", 4, ci=lambda r: r.ci,
               ends=interval_header(result.confidence) if result.ci_by is not None else "",
               note="With the mean matrix of the people, or with the one human matrix."),
    ]  # fmt: skip
    if result.ci_by is not None:
        columns.append(column("s.e.", lambda r: r.standard_error, "number", 4, keep=6, only=TEXT))
    if result.permutations is not None:
        columns.append(column("p", lambda r: r.p_value, "p", note="By relabelling the objects, one-sided."))
    if any(row.partial is not None for row in result.results):
        columns.append(
            column("partial", lambda r: None if r.partial is None else r.partial.value, "number", 4, keep=8,
                   ci=lambda r: None if r.partial is None else r.partial.ci, ends="interval", keep_ends=5)
        )  # fmt: skip
    return tuple(columns)


def person_columns(result: Rsa) -> tuple[Column, ...]:
    """Of each row the mean over people of the correlation with each, and its ceiling."""
    column = Rows(result.results).column
    measures = {row.measure for row in result.results if row.measure}
    crowded = len(measures) > 1 and len({row.correlation for row in result.results}) > 1
    columns = [
        column("mean", lambda r: None if r.per_person is None else r.per_person.mean, "number", 4,
               ci=lambda r: None if r.per_person is None else r.per_person.ci, keep_ends=8 if crowded else 9,
               ends=interval_header(result.confidence) if result.ci_by is not None else "",
               note="Over people, of the correlation with each."),
    ]  # fmt: skip
    if result.ci_by is not None:
        columns.append(
            column("s.e.", lambda r: None if r.per_person is None else r.per_person.standard_error, "number", 4, keep=6,
                   only=TEXT)
        )  # fmt: skip
    if any(row.ceiling is not None for row in result.results):
        columns.append(column("ceiling", _ceiling_text, only=TEXT))
    return (
        *columns,
        column("ceiling, lower", lambda r: None if r.ceiling is None else r.ceiling.lower, "number", 4, only=PAGE,
               note="Each person with the mean of the others."),
        column("ceiling, upper", lambda r: None if r.ceiling is None else r.ceiling.upper, "number", 4, only=PAGE,
               note="Each person with the mean of all."),
        column("pooled", lambda r: None if r.ceiling is None else r.ceiling.pooling, only=PAGE,
               note="What was averaged over people for the ceiling."),
    )  # fmt: skip


def _ceiling_text(row: RsaResult) -> str | None:
    return None if row.ceiling is None else f"{number(row.ceiling.lower)} to {number(row.ceiling.upper)}"


def results_table(result: Rsa, labels: Mapping[str, str]) -> Table:
    """A row for each model, measure and correlation with all figures, for a page."""
    columns = (*_naming_columns(result, labels), *mean_columns(result))
    if result.n_people is not None:
        columns += person_columns(result)
    return Table((*columns, Rows(result.results).column("pairs", lambda r: r.n_pairs, "count", only=PAGE)))


def pairs_table(result: Rsa, labels: Mapping[str, str], pairs: Sequence[RsaPair]) -> Table:
    """A row for each of these pairs of models."""
    crowded = len({row.measure for row in result.results if row.measure}) > 1
    column = Rows(pairs).column
    columns = (
        Column("difference", tuple(_differences(pairs, labels, crowded, None)), only=TEXT,
               fit=lambda room: _differences(pairs, labels, crowded, room)),
        column("model", lambda p: labels[p.a], filter=True, only=PAGE),
        column("measure", lambda p: p.a_measure, only=PAGE),
        column("less", lambda p: labels[p.b], filter=True, only=PAGE),
        column("its measure", lambda p: p.b_measure, only=PAGE),
        column("by", lambda p: p.correlation, same="{}", filter=True),
        column("correlation", lambda p: p.difference, "number", 4, ci=lambda p: p.ci,
               ends=interval_header(result.confidence), keep_ends=7 if crowded else 9,
               note="That of the first less that of the second."),
        column("s.e.", lambda p: p.standard_error, "number", 4, keep=4, only=TEXT),
        column("p", lambda p: p.p_value, "p", keep=6),
        column(f"p ({CORRECTED[result.correction]})", lambda p: p.p_adjusted, "p"),
    )  # fmt: skip
    return Table(columns)


def _differences(pairs: Sequence[RsaPair], labels: Mapping[str, str], measures: bool, room: int | None) -> list[str]:
    """What is less what, with their measures where they have several; names shortened so that both sides are seen."""
    names = list(dict.fromkeys(name for pair in pairs for name in (pair.a, pair.b)))
    called = [labels[name] for name in names]
    if room is not None:
        own = [1 + len(one or "") for pair in pairs for one in (pair.a_measure, pair.b_measure)] if measures else [0]
        called = shortened(called, max(4, (room - 3) // 2 - max(own)))
    short = dict(zip(names, called, strict=True))

    def side(name: str, measure: str | None) -> str:
        return short[name] + (f" {measure}" if measures and measure else "")

    return [f"{side(pair.a, pair.a_measure)} - {side(pair.b, pair.b_measure)}" for pair in pairs]


def weights_text(one: WeightedRsa, result: Rsa, labels: Mapping[str, str]) -> str:
    """The weight of each model; keys are names, or names with a measure behind."""
    called = {f"{row.embeddings} {row.measure}": f"{labels[row.embeddings]} {row.measure}" for row in result.results}
    called |= labels
    return ", ".join(f"{called.get(name) or one_line(name)} {weight:.3f}" for name, weight in one.weights.items())


def _weighted_notes(one: WeightedRsa, result: Rsa, labels: Mapping[str, str]) -> tuple[str, ...]:
    return (
        f"weighted sum, {one.correlation}: {number(one.value)}, mean of {len(one.folds)} folds of objects that no "
        f"weight was fitted to (seed {one.seed})",
        f"weights, fitted to all pairs: {weights_text(one, result, labels)}",
    )


def _notes(result: Rsa) -> tuple[str, ...]:
    first = result.results[0]
    notes = [f"human: {one_line(result.human)}"] if result.human else []
    notes.append(f"{first.n_objects:,} objects, {counted(first.n_pairs, 'pair')}")
    if first.n_missing:
        notes.append(f"{counted(first.n_missing, 'pair')} missing")
    if result.n_people is not None:
        notes.append(counted(result.n_people, "person", "people"))
    if result.ci_by is not None:
        over = result.ci_by.replace("subjects", "people").replace("+", " and ")
        drawn = CLOSED
        if result.resamples:
            drawn = f"{result.ci_method}, {result.resamples:,} resamples, seed {result.seed}"
        notes.append(f"intervals ({drawn}) over {over}")
    if result.permutations is not None:
        notes.append(f"p by {result.permutations:,} relabellings of the objects, one-sided")
    return tuple(notes)


def _ceiling_notes(result: Rsa) -> tuple[str, ...]:
    ceilings = {row.ceiling.pooling for row in result.results if row.ceiling is not None}
    if not ceilings:
        return ("one person: no ceiling",)
    pooled = ", ".join(POOLED[one] for one in sorted(ceilings))
    return (f"ceiling: each person with the mean of the others, and of all ({pooled} pooled)",)


def _pair_notes(result: Rsa, shown: Sequence[RsaPair]) -> tuple[str, ...]:
    hidden = len(result.pairs) - len(shown)
    notes = [f"the first {len(shown)} of {len(result.pairs):,}: {ELSEWHERE}"] if hidden else []
    tested = sum(pair.p_value is not None for pair in result.pairs)
    notes += [f"p ({CORRECTED[result.correction]}) corrected for {counted(tested, 'pair')}"] if tested else []
    return tuple(notes)
