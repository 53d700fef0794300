"""Similarity matrices: those of models with people's (RSA), and with each other, models and layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pyalign.documents import Interval
from pyalign.pairwise.rsa_result import (
    SUM, Beside, LayerSimilarity, ModelSimilarities, PersonDifference, Rsa, RsaPair, SimilarityDifference,
    SimilarityMatrix, WeightedRsa,
)
from pyalign.report.blocks import PAGE, TEXT, Block, Column, Rows, Table, foot, present, table
from pyalign.report.words import (
    CORRECTED, ELSEWHERE, counted, header_of, interval_header, labels_of, model_labels, number, one_line, over_words,
    p_text, shortened, source_note,
)

CLOSED = "corrected"  # as intervals in closed form say it
MOST_PAIRS = 45  # in a table: of a measure, those of ten models
POOLED = {"ranks": "their ranks", "standardized": "standardized values", "unit": "unit vectors", "raw": "raw values"}
Pair = tuple[SimilarityMatrix, int, int]  # of a measure: its row and its column


def rsa_view(result: Rsa, verbose: bool = False, labels: Mapping[str, str] | None = None) -> list[Block]:
    """The two quantities in two tables, the ceiling in that of its own; then pairs of models, and weighted sums."""
    first, of_people = result.results[0], result.n_people is not None
    labels = labels_of(result, verbose, labels)
    how = "closed form"
    if result.inference.resamples:
        how = f"{result.inference.method}, {result.inference.resamples:,} resamples, seed {result.inference.seed}"
    title = "correlation with the mean matrix of the participants" if of_people else "correlation with the human matrix"
    blocks: list[Block] = [
        Table((*_naming_columns(result, labels), *_mean_columns(result)), title).on_page(
            "rsa-table", sort="correlation"
        ),
        foot(
            source_note("human", result.human),
            f"{first.n_objects:,} objects, {counted(first.n_pairs, 'pair')}",
            f"{counted(first.n_missing, 'pair')} missing" if first.n_missing else "",
            "" if result.n_people is None else counted(result.n_people, "participant"),
            "" if result.inference.over is None else f"intervals ({how}) over {over_words(result.inference.over)}",
            "" if result.permutations is None
            else f"p by {result.permutations:,} relabelings of the objects, one-sided",
        ),
    ]
    if of_people:
        title = "mean over participants of the correlation with each, and its noise ceiling"
        people = Table((*_naming_columns(result, labels), *_person_columns(result)), title)
        blocks.append(people.on_page("rsa-people", sort="mean"))
        pooled = ", ".join(POOLED[by] for by in sorted({row.ceiling.pooling for row in result.results if row.ceiling}))
        ceiling = f"ceiling: each participant with the mean of the others, and of all ({pooled} pooled)"
        blocks.append(foot(ceiling if pooled else "one participant: no ceiling"))
    if _has_ceilings(result):
        against = Table(
            (*_naming_columns(result, labels), *_against_columns(result)), "means against the noise ceiling"
        )
        tested = sum(row.per_person.against_lower.p_value is not None
                     for row in result.results if row.per_person and row.per_person.against_lower)
        blocks += [against.on_page("rsa-against"), foot(
            f"p ({CORRECTED[result.correction]}) corrected for {counted(tested, 'test')}" if tested else "",
        ), _ceilings_table(result), foot(
            "reliability: mean correlation of two participants' matrices",
        )]
    shown = result.pairs if verbose else result.pairs[:MOST_PAIRS]
    titles = {False: "differences of correlations with the mean matrix" if of_people else "",
              True: "differences of means over participants"}
    for of_means in (False, True):
        tested = sum(
            difference is not None and difference.p_value is not None
            for difference in _differences(result.pairs, of_means)
        )
        if all(difference is None for difference in _differences(result.pairs, of_means)):
            continue
        pairs, name = _pairs_table(result, labels, shown, titles[of_means], of_means), "mean-" * of_means
        caption = titles[of_means] or "differences of correlations"
        blocks += [pairs.on_page(f"rsa-{name}differences", caption, fold="Differences of models"), foot(
            f"the first {len(shown)} of {len(result.pairs):,}: {ELSEWHERE}" if len(shown) < len(result.pairs) else "",
            f"p ({CORRECTED[result.correction]}) corrected for {counted(tested, 'pair')}" if tested else "",
        )]
    for one in result.weighted or ():
        weights = f"weights, fitted to all pairs: {_weights_text(one, result, labels)}"
        blocks.append(foot(f"weighted sum, {_weighted_text(one)}", weights, apart=True))
    return blocks + _weighted_tables(result, labels)


def _naming_columns(result: Rsa, labels: Mapping[str, str]) -> tuple[Column, ...]:
    """Columns of the model, the measure and the correlation."""
    column, several = Rows(result.results).column, len(result.results) > 1
    return (
        column("model", lambda r: labels[r.embeddings]),
        column("measure", lambda r: r.measure or "as given", same="measure {}" * several, filter=True),
        column("by", lambda r: r.correlation, same="{}" * several, filter=True),
    )


def _mean_columns(result: Rsa) -> tuple[Column, ...]:
    """Columns of the correlation with the mean matrix, or with the one matrix, and what other models leave of it."""
    intervals = result.inference.over is not None
    column = Rows(result.results, header_of(result.inference)).column
    return present((
        column("correlation", lambda r: r.value, "number", 4, ci=lambda r: r.ci,
               note="With the mean matrix of the participants, or with the one human matrix."),
        column("s.e.", lambda r: r.standard_error, "number", 4, keep=6, only=TEXT) if intervals else None,
        column("p", lambda r: r.p_value, "p", note="By relabeling the objects, one-sided.")
        if result.permutations is not None else None,
        column("partial", lambda r: None if r.partial is None else r.partial.value, "number", 4, keep=8,
               ci=lambda r: None if r.partial is None else r.partial.ci, ends="interval", keep_ends=5)
        if any(row.partial is not None for row in result.results) else None,
        column("pairs", lambda r: r.n_pairs, "count", only=PAGE),
    ))


def _person_columns(result: Rsa) -> tuple[Column, ...]:
    """Columns of the mean over participants of the correlation with each, and of its ceiling."""
    rows, intervals = result.results, result.inference.over is not None
    column = Rows(rows, header_of(result.inference)).column
    crowded = _has_measures(result) and len({row.correlation for row in rows}) > 1
    return present((
        column("mean", lambda r: None if r.per_person is None else r.per_person.mean, "number", 4,
               ci=lambda r: None if r.per_person is None else r.per_person.ci, keep_ends=8 if crowded else 9,
               note="Over participants, of the correlation with each."),
        column("s.e.", lambda r: None if r.per_person is None else r.per_person.standard_error, "number", 4, keep=6,
               only=TEXT) if intervals else None,
        column("ceiling", only=TEXT, value=lambda r: None if r.ceiling is None
               else f"{number(r.ceiling.lower)} to {number(r.ceiling.upper)}")
        if any(row.ceiling is not None for row in rows) else None,
        column("ceiling, lower", lambda r: None if r.ceiling is None else r.ceiling.lower, "number", 4, only=PAGE,
               note="Each participant with the mean of the others."),
        column("ceiling, upper", lambda r: None if r.ceiling is None else r.ceiling.upper, "number", 4, only=PAGE,
               note="Each participant with the mean of all."),
        column("pooled", lambda r: None if r.ceiling is None else r.ceiling.pooling, only=PAGE,
               note="What was averaged over participants for the ceiling."),
    ))


def _has_ceilings(result: Rsa) -> bool:
    """Whether means over participants are held against a noise ceiling: not of older documents."""
    return any(row.per_person is not None and row.per_person.against_lower is not None for row in result.results)


def _at(reached: object, *names: str) -> Any:
    """What a path of attributes leads to; None where there is nothing on the way."""
    for name in names:
        reached = None if reached is None else getattr(reached, name)
    return reached


def _against_columns(result: Rsa) -> tuple[Column, ...]:
    """Columns of the mean over participants held against the ceiling, and without the noise of single participants."""
    rows = [row.per_person for row in result.results]
    tested = any(_at(row, "against_lower", "ci") is not None for row in rows)
    column = Rows(rows, interval_header(result.inference.level) if tested else "").column
    return present((
        column("less lower", lambda r: _at(r, "against_lower", "difference"), "number", 4,
               ci=lambda r: _at(r, "against_lower", "ci"), keep_ends=8,
               note="The mean over participants less the lower noise ceiling.",
               foot="less lower: the mean less the lower ceiling"),
        column(f"p ({CORRECTED[result.correction]})", lambda r: _at(r, "against_lower", "p_adjusted"), "p")
        if tested else None,
        column("of lower", lambda r: _at(r, "of_lower", "value"), "number", 3,
               ci=lambda r: _at(r, "of_lower", "ci"), keep_ends=5,
               note="The mean divided by the lower noise ceiling."),
        column("of upper", lambda r: _at(r, "of_upper", "value"), "number", 3,
               ci=lambda r: _at(r, "of_upper", "ci"), keep=6, keep_ends=4,
               note="The mean divided by the upper noise ceiling."),
        column("disattenuated", lambda r: _at(r, "disattenuated", "value"), "number", 3,
               ci=lambda r: _at(r, "disattenuated", "ci"), keep=7, keep_ends=4,
               note="The mean divided by the root of the reliability of one participant.",
               foot="disattenuated: the mean divided by the root of the reliability"),
    ))


def _ceilings_table(result: Rsa) -> Table:
    """The lower and the upper noise ceiling and the reliability of one participant, by each correlation."""
    ceilings = {row.correlation: row.ceiling for row in result.results if row.ceiling is not None}
    rows: list[tuple[str, str, float | None, Interval | None]] = [
        row
        for by, ceiling in ceilings.items()
        for row in (
            (by, "lower ceiling", ceiling.lower, ceiling.lower_ci),
            (by, "upper ceiling", ceiling.upper, ceiling.upper_ci),
            (by, "reliability", ceiling.reliability, ceiling.reliability_ci),
        )
    ]
    intervals = any(ci is not None for *_, ci in rows)
    column = Rows(rows, header_of(result.inference)).column
    return table(
        column("figure", lambda r: r[1]),
        column("by", lambda r: r[0], same="{}" * (len(result.results) > 1)),
        column("value", lambda r: r[2], "number", 4, ci=lambda r: r[3]),
        column("s.e.", lambda r: None if r[3] is None else r[3].error, "number", 4, keep=6, only=TEXT)
        if intervals else None,
        title="noise ceiling, and reliability of one participant",
    ).on_page("rsa-ceilings")


def _differences(pairs: Sequence[RsaPair], of_means: bool) -> list[RsaPair | PersonDifference | None]:
    """The differences of correlations with the mean matrix, or of means over participants."""
    return [pair.per_person if of_means else pair for pair in pairs]


def _has_measures(result: Rsa) -> bool:
    """Whether rows differ by their measures."""
    return len({row.measure for row in result.results if row.measure}) > 1


def _pairs_table(
    result: Rsa, labels: Mapping[str, str], pairs: Sequence[RsaPair], title: str = "", of_means: bool = False
) -> Table:
    """A row for each of these pairs of models: differences of correlations with the mean matrix, or of means."""
    crowded = _has_measures(result)
    column = Rows(pairs).column
    of_each = Rows(_differences(pairs, of_means), interval_header(result.inference.level)).column
    names = list(dict.fromkeys(name for pair in pairs for name in (pair.a, pair.b)))
    labels = {SUM: SUM, **labels}
    measures = (
        [1 + len(measure or "") for pair in pairs for measure in (pair.a_measure, pair.b_measure)] if crowded else [0]
    )

    def side(name: str, measure: str | None) -> str:
        return name + (f" {measure}" if crowded and measure else "")

    def both(called: Mapping[str, str]) -> list[str]:
        """What is less what, with their measures where they have several."""
        return [f"{side(called[p.a], p.a_measure)} - {side(called[p.b], p.b_measure)}" for p in pairs]

    def fit(room: int) -> list[str]:
        """Names shortened so that both sides are seen."""
        short = shortened([labels[name] for name in names], max(4, (room - 3) // 2 - max(measures)))
        return both(dict(zip(names, short, strict=True)))

    return table(
        Column("difference", tuple(both(labels)), only=TEXT, fit=fit),
        column("model", lambda p: labels[p.a], filter=True, only=PAGE),
        column("measure", lambda p: p.a_measure, only=PAGE),
        column("less", lambda p: labels[p.b], filter=True, only=PAGE),
        column("its measure", lambda p: p.b_measure, only=PAGE),
        column("by", lambda p: p.correlation, same="{}", filter=True),
        of_each("mean" if of_means else "correlation", lambda d: _at(d, "difference"), "number", 4,
                ci=lambda d: _at(d, "ci"), keep_ends=7 if crowded else 9,
                note="That of the first less that of the second."),
        of_each("s.e.", lambda d: _at(d, "standard_error"), "number", 4, keep=4, only=TEXT),
        of_each("p", lambda d: _at(d, "p_value"), "p", keep=6),
        of_each(f"p ({CORRECTED[result.correction]})", lambda d: _at(d, "p_adjusted"), "p"),
        title=title,
    )


def _weighted_text(one: WeightedRsa) -> str:
    """What a weighted sum is worth, and over how many folds."""
    both = [(one.value, one.ci)] + ([] if one.per_person is None else [(one.per_person.mean, one.per_person.ci)])
    texts = [number(at) + f" ({number(ci.low)} to {number(ci.high)})" if ci else number(at) for at, ci in both]
    folds = f"mean of {len(one.folds)} folds of objects that no weight was fitted to (seed {one.seed})"
    drawn = f"; intervals by {one.resamples:,} resamples of the cross-validation" if one.resamples else ""
    return f"{one.correlation}: {', mean over participants '.join(texts)}, {folds}{drawn}"


def _weighted_tables(result: Rsa, labels: Mapping[str, str]) -> list[Table]:
    """Differences of weighted sums and models: of correlations with the mean matrix, and of means over participants."""
    pairs = [pair for one in result.weighted or () for pair in one.pairs]
    title = "weighted sums less models, on the same folds"
    both = ((False, title), (True, f"{title}: means over participants"))
    return [_pairs_table(result, labels, pairs, title, of_means).on_page(f"rsa-weighted-{int(of_means)}")
            for of_means, title in both if any(_differences(pairs, of_means))]


def _weights_text(weighted: WeightedRsa, result: Rsa, labels: Mapping[str, str]) -> str:
    """The weight of each model; keys are names, or names with a measure behind."""
    called = {f"{row.embeddings} {row.measure}": f"{labels[row.embeddings]} {row.measure}" for row in result.results}
    called |= labels
    return ", ".join(f"{called.get(name) or one_line(name)} {weight:.3f}" for name, weight in weighted.weights.items())


# Models, or layers, with each other


def similarities_view(
    result: ModelSimilarities, verbose: bool = False, labels: Mapping[str, str] | None = None
) -> list[Block]:
    """A row for each pair of models and each measure, and a line that says how to read them."""
    names = dict.fromkeys(name for similarities in result for name in similarities.models)
    labels = model_labels([(name, None) for name in names], verbose, labels)
    shown: list[Pair] = []
    for similarities in result:
        pairs = list(similarities.pairs)
        if not verbose and len(pairs) > MOST_PAIRS:
            pairs = sorted(sorted(pairs, key=lambda at: -similarities.matrix[at[0]][at[1]])[:MOST_PAIRS])
        shown += [(similarities, i, j) for i, j in pairs]
    n_pairs = len(result[0].pairs)
    hidden = len(shown) < sum(len(matrix.pairs) for matrix in result)
    tested = sum(len(matrix.pairs) for matrix in result if matrix.p_adjusted is not None)
    by_itself = "p of each pair by itself" if result.correction is None else _corrected_for(result, tested, "pair")
    blocks: list[Block] = [_similarities_table(result, labels, shown), foot(
        f"{len(names):,} models", f"{result.n_objects:,} objects",
        f"measure {result[0].measure}" if len(result) == 1 and not verbose else "",
        "" if result.batches is None else f"means over {result.batches:,} batches",
        f"the {MOST_PAIRS} most similar of {n_pairs:,} pairs are shown: {ELSEWHERE}" if hidden else "",
        _interval_note(result), *(_null_notes(result, result.inference.seed) if result.permutations else ()),
        by_itself if result.permutations and n_pairs > 1 else "",
    )]
    differences = [(matrix.measure, each) for matrix in result for each in matrix.differences or ()]
    if differences:
        few = differences
        if not verbose and len(differences) > MOST_PAIRS:
            by_p = sorted(range(len(differences)), key=lambda k: _or_one(differences[k][1].p_value))
            few = [differences[k] for k in sorted(by_p[:MOST_PAIRS])]
        tested = sum(each.p_value is not None for _, each in differences)
        blocks += [
            _score_differences_table(result, labels, few),
            foot(
                f"the {len(few)} with the smallest p of {len(differences):,} are shown: {ELSEWHERE}"
                if len(few) < len(differences)
                else "",
                "difference: the similarity with the first of the two, less that with the second",
                _corrected_for(result, tested, "difference"),
            ),
        ]
    return blocks


def _or_one(p: float | None) -> float:
    return 1.0 if p is None else p


def _interval_note(result: ModelSimilarities) -> str:
    """What the intervals are over, and how they were computed."""
    if result.inference.over is None or not any(matrix.scores for matrix in result):
        return ""
    drawn = "" if result.inference.resamples is None else f"{result.inference.resamples:,} half-samples"
    closed = any(each.ci is not None and each.ci.method == CLOSED for matrix in result for each in matrix.scores or ())
    how = " or ".join(filter(None, ["closed form" * closed, drawn]))
    return f"intervals ({how}) over {over_words(result.inference.over)}"


def _corrected_for(result: ModelSimilarities, tests: int, what: str) -> str:
    if result.correction is None or not tests:
        return ""
    return f"p ({CORRECTED[result.correction]}) corrected for {counted(tests, what)}"


def _null_notes(result: ModelSimilarities | LayerSimilarity, seed: int | None) -> tuple[str, str]:
    return (
        f"threshold: {100 * result.alpha:g}% of unrelated models pass it ({result.permutations:,} permutations, "
        f"seed {seed})",
        "calibrated: 0 at the threshold, 1 for the same model",
    )


def _similarities_table(result: ModelSimilarities, labels: Mapping[str, str], pairs: Sequence[Pair]) -> Table:
    """A row for each of these pairs of models and measures."""
    column = Rows(pairs, header_of(result.inference)).column

    def models(names: Mapping[str, str]) -> tuple[str, ...]:
        """Both models of each pair; of a measure that is not symmetric, the first against the second."""
        between = {True: ", ", False: " > "}
        return tuple(
            f"{names[similarities.models[i]]}{between[similarities.symmetric]}{names[similarities.models[j]]}"
            for similarities, i, j in pairs
        )

    def fit(room: int) -> tuple[str, ...]:
        return models(dict(zip(labels, shortened(list(labels.values()), (room - 3) // 2), strict=True)))

    def at(pair: Pair, matrix: Beside | None) -> float | None:
        return None if matrix is None else matrix[pair[1]][pair[2]]

    tests = present((
        column("threshold", lambda p: at(p, p[0].null_threshold), "number", 5, keep=3,
               note=f"{100 * result.alpha:g}% of unrelated models pass it."),
        column("calibrated", lambda p: at(p, p[0].calibrated), "number", 5,
               note="0 at the threshold, 1 for the same model."),
        column("p", lambda p: at(p, p[0].p_value), "p", keep=4 if result.correction else 9,
               note="Of each pair by itself, not corrected."),
        column(f"p ({CORRECTED[result.correction]})", lambda p: at(p, p[0].p_adjusted), "p", keep=6)
        if result.correction is not None else None,
    ))
    return table(
        Column("models", models(labels), fit=fit, only=TEXT),
        column("model", lambda p: labels[p[0].models[p[1]]], filter=True, only=PAGE),
        column("and", lambda p: labels[p[0].models[p[2]]], filter=True, only=PAGE),
        column("measure", lambda p: p[0].measure, keep=9 if len(result) > 1 else 0, filter=True),
        column("similarity", lambda p: p[0].matrix[p[1]][p[2]], "number", 5, ci=lambda p: p[0].interval(p[1], p[2]),
               keep_ends=7),
        *(tests if any(similarities.null_threshold is not None for similarities, _, _ in pairs) else ()),
    ).on_page("cka-table", "similarities of models", "similarity")


def _score_differences_table(
    result: ModelSimilarities, labels: Mapping[str, str], rows: Sequence[tuple[str, SimilarityDifference]]
) -> Table:
    """A row for each difference of two similarities that share a model, with the measure."""
    column = Rows(rows, interval_header(result.inference.level)).column
    correction = CORRECTED[result.correction or "holm"]

    def compared(names: Mapping[str, str]) -> tuple[str, ...]:
        return tuple(
            f"{names[difference.model]}: {names[difference.a]} - {names[difference.b]}" for _, difference in rows
        )

    def fit(room: int) -> tuple[str, ...]:
        return compared(dict(zip(labels, shortened(list(labels.values()), max(4, (room - 5) // 3)), strict=True)))

    return table(
        Column("model: first - second", compared(labels), fit=fit, only=TEXT),
        column("model", lambda r: labels[r[1].model], filter=True, only=PAGE),
        column("with", lambda r: labels[r[1].a], filter=True, only=PAGE),
        column("less with", lambda r: labels[r[1].b], filter=True, only=PAGE),
        column("measure", lambda r: r[0], keep=9 if len(result) > 1 else 0, filter=True),
        column("difference", lambda r: r[1].difference, "number", 5, ci=lambda r: r[1].ci, keep_ends=7),
        column("p", lambda r: r[1].p_value, "p", keep=6),
        column(f"p ({correction})", lambda r: r[1].p_adjusted, "p"),
        title="is a model more like one than like another?",
    ).on_page("cka-differences", fold="Differences of similarities")


def layers_view(
    result: LayerSimilarity, verbose: bool = False, labels: Mapping[str, str] | None = None
) -> list[Block]:
    """A row for each layer of the first model, a column for each of the second, and the figure of all."""
    null = f"threshold {result.null_threshold:.5f}, calibrated {result.calibrated:.5f}, p {p_text(result.p_value)}"
    return [
        _layers_table(result).on_page("layers-table", "similarities of layers, those of the other model across"),
        foot(
            f"measure {result.measure}",
            f"{result.aggregate} of {len(result.first) * len(result.second):,} pairs {result.value:.5f} ({null})",
            f"{result.n_objects:,} objects",
            *_null_notes(result, result.seed),
        ),
    ]


def _layers_table(result: LayerSimilarity) -> Table:
    """The similarity of each layer of the first model with each of the second."""
    columns = zip(result.second, zip(*result.matrix, strict=True), strict=True)
    return Table((
        Column("layer", tuple(map(one_line, result.first))),
        *(Column(one_line(name), values, "number", places=4, keep=4, named=True) for name, values in columns),
    ))
