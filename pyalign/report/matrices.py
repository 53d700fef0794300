"""Similarity matrices: those of models with people's (RSA), and with each other, models and layers."""

from __future__ import annotations

from collections.abc import Sequence

from pyalign.pairwise.rsa_result import (
    SUM, Beside, LayerSimilarity, ModelSimilarities, PersonDifference, Rsa, RsaPair, SimilarityDifference,
    SimilarityMatrix, WeightedRsa,
)
from pyalign.report.blocks import PAGE, TEXT, Block, Column, Rows, Table, foot, names_column, table
from pyalign.report.words import (
    ELSEWHERE, Labels, corrected_for, counted, drawn_text, header_of, interval_header, labels_of, model_labels, number,
    one_line, over_words, p_header, p_text, source_note,
)

CLOSED = "corrected"  # as intervals in closed form say it
MOST_PAIRS = 45  # in a table: of a measure, those of ten models
POOLED = {"ranks": "their ranks", "standardized": "standardized values", "unit": "unit vectors", "raw": "raw values"}
Pair = tuple[SimilarityMatrix, int, int]  # of a measure: its row and its column


def rsa_view(result: Rsa, verbose: bool = False, labels: Labels | None = None) -> list[Block]:
    """The two quantities in two tables, the ceiling in that of its own; then pairs of models, and weighted sums."""
    first, labels, how = result.results[0], labels_of(result, verbose, labels), result.inference
    named, of_people = _naming_columns(result, labels), result.n_people is not None
    whose = "mean matrix of the participants" if of_people else "human matrix"
    means = table(*named, *_mean_columns(result), title=f"correlation with the {whose}")
    return [
        means.on_page("rsa-table", sort="correlation"),
        foot(
            source_note("human", result.human),
            f"{first.n_objects:,} objects, {counted(first.n_pairs, 'pair')}",
            f"{counted(first.n_missing, 'pair')} missing" if first.n_missing else "",
            "" if result.n_people is None else counted(result.n_people, "participant"),
            "" if how.over is None else f"intervals ({drawn_text(how)}) over {over_words(how.over)}",
            "" if result.permutations is None
            else f"p by {result.permutations:,} relabelings of the objects, one-sided",
        ),
        *(_of_people(result, named) if of_people else ()),
        *_of_ceilings(result, named),
        *(block for of_means in (False, True) for block in _of_pairs(result, labels, verbose, of_means)),
        *(foot(f"weighted sum, {_weighted_text(one)}",
               f"weights, fitted to all pairs: {_weights_text(one, result, labels)}", apart=True)
          for one in result.weighted or ()),
        *_weighted_tables(result, labels),
    ]


def _of_people(result: Rsa, named: Sequence[Column]) -> list[Block]:
    """Means over participants, and what their ceiling is."""
    title = "mean over participants of the correlation with each, and its noise ceiling"
    pooled = ", ".join(POOLED[by] for by in sorted({row.ceiling.pooling for row in result.results if row.ceiling}))
    ceiling = f"ceiling: each participant with the mean of the others, and of all ({pooled} pooled)"
    means = table(*named, *_person_columns(result), title=title).on_page("rsa-people", sort="mean")
    return [means, foot(ceiling if pooled else "one participant: no ceiling")]


def _of_ceilings(result: Rsa, named: Sequence[Column]) -> list[Block]:
    """Means over participants against the ceiling, and the ceiling itself; older documents have none."""
    if all(one is None for one in Rows(result.results).each("per_person.against_lower")):
        return []
    against = table(*named, *_against_columns(result), title="means against the noise ceiling").on_page("rsa-against")
    p_values = Rows(result.results).each("per_person.against_lower.p_value")
    return [
        against,
        foot(corrected_for(result.correction, sum(p is not None for p in p_values), "test")),
        _ceilings_table(result),
        foot("reliability: mean correlation of two participants' matrices"),
    ]


def _of_pairs(result: Rsa, labels: Labels, verbose: bool, of_means: bool) -> list[Block]:
    """Differences of models' correlations with the mean matrix, or of means over participants; none where none are."""
    differences = _differences(result.pairs, of_means)
    if all(difference is None for difference in differences):
        return []
    shown = result.pairs if verbose else result.pairs[:MOST_PAIRS]
    tested = sum(p is not None for p in Rows(differences).each("p_value"))
    caption = "differences of means over participants" if of_means else "differences of correlations"
    title = caption if of_means else f"{caption} with the mean matrix" if result.n_people is not None else ""
    pairs = _pairs_table(result, labels, shown, title, of_means)
    return [
        pairs.on_page(f"rsa-{'mean-' * of_means}differences", title or caption, fold="Differences of models"),
        foot(
            f"the first {len(shown)} of {len(result.pairs):,}: {ELSEWHERE}" if len(shown) < len(result.pairs) else "",
            corrected_for(result.correction, tested, "pair"),
        ),
    ]


def _naming_columns(result: Rsa, labels: Labels) -> tuple[Column, ...]:
    """Columns of the model, the measure and the correlation."""
    column, several = Rows(result.results).column, len(result.results) > 1
    return (
        column("model", lambda r: labels[r.embeddings]),
        column("measure", lambda r: r.measure or "as given", same="measure {}" * several, filter=True),
        column("by", "correlation", same="{}" * several, filter=True),
    )


def _mean_columns(result: Rsa) -> list[Column | None]:
    """Columns of the correlation with the mean matrix, or with the one matrix, and what other models leave of it."""
    column = Rows(result.results, header_of(result.inference)).column
    return [
        column("correlation", "value", "number", 4, ci="ci",
               note="With the mean matrix of the participants, or with the one human matrix."),
        column("s.e.", "standard_error", "number", 4, keep=6, only=TEXT, optional=True),
        column("p", "p_value", "p", note="By relabeling the objects, one-sided.")
        if result.permutations is not None else None,
        column("partial", "partial.value", "number", 4, keep=8, ci="partial.ci", ends="interval", keep_ends=5,
               optional=True),
        column("pairs", "n_pairs", "count", only=PAGE),
    ]


def _person_columns(result: Rsa) -> list[Column]:
    """Columns of the mean over participants of the correlation with each, and of its ceiling."""
    column = Rows(result.results, header_of(result.inference)).column
    crowded = _has_measures(result) and len({row.correlation for row in result.results}) > 1
    return [
        column("mean", "per_person.mean", "number", 4, ci="per_person.ci", keep_ends=8 if crowded else 9,
               note="Over participants, of the correlation with each."),
        column("s.e.", "per_person.standard_error", "number", 4, keep=6, only=TEXT, optional=True),
        column("ceiling", lambda r: r.ceiling and f"{number(r.ceiling.lower)} to {number(r.ceiling.upper)}", only=TEXT,
               optional=True),
        column("ceiling, lower", "ceiling.lower", "number", 4, only=PAGE,
               note="Each participant with the mean of the others."),
        column("ceiling, upper", "ceiling.upper", "number", 4, only=PAGE,
               note="Each participant with the mean of all."),
        column("pooled", "ceiling.pooling", only=PAGE, note="What was averaged over participants for the ceiling."),
    ]


def _against_columns(result: Rsa) -> list[Column]:
    """Columns of the mean over participants held against the ceiling, and without the noise of single participants."""
    rows = Rows([row.per_person for row in result.results])
    tested = any(ci is not None for ci in rows.each("against_lower.ci"))
    column = Rows(rows.of, interval_header(result.inference.level) if tested else "").column
    return [
        column("less lower", "against_lower.difference", "number", 4, ci="against_lower.ci", keep_ends=8,
               note="The mean over participants less the lower noise ceiling.",
               foot="less lower: the mean less the lower ceiling"),
        column(p_header(result.correction), "against_lower.p_adjusted", "p", optional=True),
        column("of lower", "of_lower.value", "number", 3, ci="of_lower.ci", keep_ends=5,
               note="The mean divided by the lower noise ceiling."),
        column("of upper", "of_upper.value", "number", 3, ci="of_upper.ci", keep=6, keep_ends=4,
               note="The mean divided by the upper noise ceiling."),
        column("disattenuated", "disattenuated.value", "number", 3, ci="disattenuated.ci", keep=7, keep_ends=4,
               note="The mean divided by the root of the reliability of one participant.",
               foot="disattenuated: the mean divided by the root of the reliability"),
    ]


def _ceilings_table(result: Rsa) -> Table:
    """The lower and the upper noise ceiling and the reliability of one participant, by each correlation."""
    ceilings = {row.correlation: row.ceiling for row in result.results if row.ceiling is not None}
    rows = [
        (by, *figure) for by, of in ceilings.items()
        for figure in (("lower ceiling", of.lower, of.lower_ci), ("upper ceiling", of.upper, of.upper_ci),
                       ("reliability", of.reliability, of.reliability_ci))
    ]
    column = Rows(rows, header_of(result.inference)).column
    return table(
        column("figure", "1"),
        column("by", "0", same="{}" * (len(result.results) > 1)),
        column("value", "2", "number", 4, ci="3"),
        column("s.e.", "3.error", "number", 4, keep=6, only=TEXT, optional=True),
        title="noise ceiling, and reliability of one participant",
    ).on_page("rsa-ceilings")


def _differences(pairs: Sequence[RsaPair], of_means: bool) -> list[RsaPair | PersonDifference | None]:
    """The differences of correlations with the mean matrix, or of means over participants."""
    return [pair.per_person if of_means else pair for pair in pairs]


def _has_measures(result: Rsa) -> bool:
    """Whether rows differ by their measures."""
    return len({row.measure for row in result.results if row.measure}) > 1


def _pairs_table(
    result: Rsa, labels: Labels, pairs: Sequence[RsaPair], title: str = "", of_means: bool = False
) -> Table:
    """A row for each of these pairs of models: differences of correlations with the mean matrix, or of means."""
    crowded = _has_measures(result)
    column = Rows(pairs).column
    of_each = Rows(_differences(pairs, of_means), interval_header(result.inference.level)).column
    labels = {name: {SUM: SUM, **labels}[name] for pair in pairs for name in (pair.a, pair.b)}
    behind = [[f" {m}" if crowded and m else "" for m in (p.a_measure, p.b_measure)] for p in pairs]

    def both(called: Labels) -> list[str]:
        """What is less what, with their measures where they have several."""
        return [f"{called[p.a]}{a} - {called[p.b]}{b}" for p, (a, b) in zip(pairs, behind, strict=True)]

    longest = max(len(measure) for two in behind for measure in two)
    return table(
        names_column("difference", both, labels, besides=3 + 2 * longest),
        column("model", lambda p: labels[p.a], filter=True, only=PAGE),
        column("measure", "a_measure", only=PAGE),
        column("less", lambda p: labels[p.b], filter=True, only=PAGE),
        column("its measure", "b_measure", only=PAGE),
        column("by", "correlation", same="{}", filter=True),
        of_each("mean" if of_means else "correlation", "difference", "number", 4, ci="ci",
                keep_ends=7 if crowded else 9, note="That of the first less that of the second."),
        of_each("s.e.", "standard_error", "number", 4, keep=4, only=TEXT),
        of_each("p", "p_value", "p", keep=6),
        of_each(p_header(result.correction), "p_adjusted", "p"),
        title=title,
    )


def _weighted_text(one: WeightedRsa) -> str:
    """What a weighted sum is worth, and over how many folds."""
    both = [(one.value, one.ci)] + ([] if one.per_person is None else [(one.per_person.mean, one.per_person.ci)])
    texts = [number(at) + f" ({number(ci.low)} to {number(ci.high)})" if ci else number(at) for at, ci in both]
    folds = f"mean of {len(one.folds)} folds of objects that no weight was fitted to (seed {one.seed})"
    drawn = f"; intervals by {one.resamples:,} resamples of the cross-validation" if one.resamples else ""
    return f"{one.correlation}: {', mean over participants '.join(texts)}, {folds}{drawn}"


def _weighted_tables(result: Rsa, labels: Labels) -> list[Table]:
    """Differences of weighted sums and models: of correlations with the mean matrix, and of means over participants."""
    pairs = [pair for one in result.weighted or () for pair in one.pairs]
    title = "weighted sums less models, on the same folds"
    both = ((False, title), (True, f"{title}: means over participants"))
    return [_pairs_table(result, labels, pairs, title, of_means).on_page(f"rsa-weighted-{int(of_means)}")
            for of_means, title in both if any(_differences(pairs, of_means))]


def _weights_text(weighted: WeightedRsa, result: Rsa, labels: Labels) -> str:
    """The weight of each model; keys are names, or names with a measure behind."""
    called = {f"{row.embeddings} {row.measure}": f"{labels[row.embeddings]} {row.measure}" for row in result.results}
    called |= labels
    return ", ".join(f"{called.get(name) or one_line(name)} {weight:.3f}" for name, weight in weighted.weights.items())


# Models, or layers, with each other


def similarities_view(result: ModelSimilarities, verbose: bool = False, labels: Labels | None = None) -> list[Block]:
    """A row for each pair of models and each measure, and a line that says how to read them."""
    names = dict.fromkeys(name for similarities in result for name in similarities.models)
    labels = model_labels([(name, None) for name in names], verbose, labels)
    shown: list[Pair] = []
    for one in result:
        alike = sorted(one.pairs, key=lambda at: -one.matrix[at[0]][at[1]])
        shown += [(one, i, j) for i, j in (one.pairs if verbose else sorted(alike[:MOST_PAIRS]))]
    n_pairs = len(result[0].pairs)
    hidden = len(shown) < sum(len(matrix.pairs) for matrix in result)
    tested = sum(len(matrix.pairs) for matrix in result if matrix.p_adjusted is not None)
    by_itself = corrected_for(result.correction, tested, "pair") if result.correction else "p of each pair by itself"
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
        p_values, n = Rows(differences).each("1.p_value"), len(differences)
        surest = sorted(range(n), key=lambda k: 1.0 if p_values[k] is None else p_values[k])
        few = [differences[k] for k in sorted(surest[: n if verbose else MOST_PAIRS])]
        blocks += [_score_differences_table(result, labels, few), foot(
            f"the {len(few)} with the smallest p of {n:,} are shown: {ELSEWHERE}" if len(few) < n else "",
            "difference: the similarity with the first of the two, less that with the second",
            corrected_for(result.correction, sum(p is not None for p in p_values), "difference"),
        )]
    return blocks


def _interval_note(result: ModelSimilarities) -> str:
    """What the intervals are over, and how they were computed."""
    if result.inference.over is None or not any(matrix.scores for matrix in result):
        return ""
    drawn = "" if result.inference.resamples is None else f"{result.inference.resamples:,} half-samples"
    closed = any(each.ci is not None and each.ci.method == CLOSED for matrix in result for each in matrix.scores or ())
    how = " or ".join(filter(None, ["closed form" * closed, drawn]))
    return f"intervals ({how}) over {over_words(result.inference.over)}"


def _null_notes(result: ModelSimilarities | LayerSimilarity, seed: int | None) -> tuple[str, str]:
    return (
        f"threshold: {100 * result.alpha:g}% of unrelated models pass it ({result.permutations:,} permutations, "
        f"seed {seed})",
        "calibrated: 0 at the threshold, 1 for the same model",
    )


def _similarities_table(result: ModelSimilarities, labels: Labels, pairs: Sequence[Pair]) -> Table:
    """A row for each of these pairs of models and measures."""
    column = Rows(pairs, header_of(result.inference)).column

    def models(names: Labels) -> list[str]:
        """Both models of each pair; of a measure that is not symmetric, the first against the second."""
        return [f"{names[of.models[i]]}{', ' if of.symmetric else ' > '}{names[of.models[j]]}" for of, i, j in pairs]

    def at(pair: Pair, matrix: Beside | None) -> float | None:
        return None if matrix is None else matrix[pair[1]][pair[2]]

    return table(
        names_column("models", models, labels),
        column("model", lambda p: labels[p[0].models[p[1]]], filter=True, only=PAGE),
        column("and", lambda p: labels[p[0].models[p[2]]], filter=True, only=PAGE),
        column("measure", "0.measure", keep=9 if len(result) > 1 else 0, filter=True),
        column("similarity", lambda p: p[0].matrix[p[1]][p[2]], "number", 5, ci=lambda p: p[0].interval(p[1], p[2]),
               keep_ends=7),
        column("threshold", lambda p: at(p, p[0].null_threshold), "number", 5, keep=3, optional=True,
               note=f"{100 * result.alpha:g}% of unrelated models pass it."),
        column("calibrated", lambda p: at(p, p[0].calibrated), "number", 5, optional=True,
               note="0 at the threshold, 1 for the same model."),
        column("p", lambda p: at(p, p[0].p_value), "p", keep=4 if result.correction else 9, optional=True,
               note="Of each pair by itself, not corrected."),
        column(p_header(result.correction or "holm"), lambda p: at(p, p[0].p_adjusted), "p", keep=6, optional=True),
    ).on_page("cka-table", "similarities of models", "similarity")


def _score_differences_table(
    result: ModelSimilarities, labels: Labels, rows: Sequence[tuple[str, SimilarityDifference]]
) -> Table:
    """A row for each difference of two similarities that share a model, with the measure."""
    column = Rows(rows, interval_header(result.inference.level)).column

    def compared(names: Labels) -> list[str]:
        return [f"{names[one.model]}: {names[one.a]} - {names[one.b]}" for _, one in rows]

    return table(
        names_column("model: first - second", compared, labels, 3, 5),
        column("model", lambda r: labels[r[1].model], filter=True, only=PAGE),
        column("with", lambda r: labels[r[1].a], filter=True, only=PAGE),
        column("less with", lambda r: labels[r[1].b], filter=True, only=PAGE),
        column("measure", "0", keep=9 if len(result) > 1 else 0, filter=True),
        column("difference", "1.difference", "number", 5, ci="1.ci", keep_ends=7),
        column("p", "1.p_value", "p", keep=6),
        column(p_header(result.correction or "holm"), "1.p_adjusted", "p"),
        title="is a model more like one than like another?",
    ).on_page("cka-differences", fold="Differences of similarities")


def layers_view(result: LayerSimilarity, verbose: bool = False, labels: Labels | None = None) -> list[Block]:
    """A row for each layer of the first model, a column for each of the second, and the figure of all."""
    null = f"threshold {result.null_threshold:.5f}, calibrated {result.calibrated:.5f}, p {p_text(result.p_value)}"
    columns = zip(result.second, zip(*result.matrix, strict=True), strict=True)
    return [
        table(
            Column("layer", result.first),
            *(Column(one_line(name), values, "number", places=4, keep=4, named=True) for name, values in columns),
        ).on_page("layers-table", "similarities of layers, those of the other model across"),
        foot(
            f"measure {result.measure}",
            f"{result.aggregate} of {len(result.first) * len(result.second):,} pairs {result.value:.5f} ({null})",
            f"{result.n_objects:,} objects",
            *_null_notes(result, result.seed),
        ),
    ]
