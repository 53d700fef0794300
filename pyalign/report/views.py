"""What a result says, as blocks, and these as text."""

from __future__ import annotations

from typing import Any

from pyalign._registry import load
from pyalign.report.blocks import Block, Fact, Facts, Lines
from pyalign.report.text import text_of
from pyalign.results import kinds


def blocks_of(result: Any, verbose: bool = False) -> list[Block]:
    """What a result says: by its view, or its values; at last which of its judgments were left out."""
    blocks = _stated(result, verbose)
    left_out = "" if result.coverage is None else result.coverage.left_out
    return [*blocks, Lines((left_out,))] if left_out else blocks


def _stated(result: Any, verbose: bool) -> list[Block]:
    kind = kinds().get(result.command)
    if kind is not None and kind.view:
        blocks: list[Block] = load(kind.view)(result, verbose)
        return blocks
    values = (pair for record in result.to_records() for pair in record.items())
    return [Facts(tuple(Fact(name, str(value)) for name, value in values))]


def table_of(result: Any, width: int | None = None, verbose: bool = False) -> str:
    """A result as text of at most so many columns; verbose: all of it, at any width."""
    return text_of(blocks_of(result, verbose), width, verbose)
