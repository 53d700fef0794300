"""Scores through a map: by the measure that it was fitted for, and whether its fit has seen what is scored."""

from __future__ import annotations

from pyalign.data import Aligned, Overlap, Transform
from pyalign.measures import Measure


def choice_model(
    transform: Transform | None, measure: str | Measure | None, temperature: float | None
) -> tuple[str | Measure, float]:
    """Measure and temperature: as asked for, else those of the map's fit, else cosine and 1.

    The temperature of the fit belongs to its measure: another measure has other similarities.

    Example:
        >>> choice_model(None, None, None)
        ('cosine', 1.0)
    """
    trained = None if transform is None else transform.trained
    if trained is not None and measure in (None, trained.measure):
        return trained.measure, trained.temperature if temperature is None else temperature
    return "cosine" if measure is None else measure, 1.0 if temperature is None else temperature


def seen_by(transform: Transform, aligned: Aligned) -> tuple[Overlap | None, tuple[str, ...]]:
    """What of the triplets the fit of the map has seen, and a sentence about it."""
    trained = transform.trained
    if trained is None:
        return None, ("the map does not say what it was fitted to: whether this score is in-sample is unknown",)
    seen = trained.overlap(aligned.x, aligned.index, aligned.names, aligned.triplets.task)
    if seen is None:
        what = "the embeddings are others than those of the map's fit, and there are no names to go by"
        return None, (f"whether this score is in-sample can't be told: {what}",)
    if not seen.objects:
        return seen, ()
    parts = [f"{100 * seen.triplets:.3g} % of these triplets"] if seen.triplets else []
    if seen.triplets is None:
        parts = ["an unknown share of these triplets"]
    told = " and ".join([*parts, f"{100 * seen.objects:.3g} % of their objects"])
    held = trained.held_out or {}
    honest = f"; on held-out {held.get('over')} it had {100 * held['accuracy']:.2f} %" if "accuracy" in held else ""
    return seen, (f"in-sample: the fit of the map has seen {told}{honest}",)
