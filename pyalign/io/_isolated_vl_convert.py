"""Pictures in the separate process: vl-convert draws them, and has the library that pages draw with."""

from __future__ import annotations

from typing import Any

import numpy as np

from pyalign.io._isolated_channel import Channel
from pyalign.io.paths import needed

convert: Any = needed("", "vl-convert-python", "report", "vl_convert")


def picture(channel: Channel, _: str, release: str, kind: str, spec: dict[str, Any], options: dict[str, Any]) -> None:
    """Gives a picture as "svg", "png" or "pdf"; nothing is read from a network."""
    draw = getattr(convert, f"vegalite_to_{kind}")
    _give(channel, draw(spec, vl_version=_known(release), allowed_base_urls=[], **options))


def library(channel: Channel, _: str, release: str, snippet: str) -> None:
    """Gives Vega and Vega-Lite in JavaScript, with a snippet that says what of them is used."""
    _give(channel, convert.javascript_bundle(snippet, vl_version=_known(release)))


def _known(release: str) -> str | None:
    """The release of Vega-Lite, where vl-convert has it."""
    return release if release in convert.get_vegalite_versions() else None


def _give(channel: Channel, made: str | bytes) -> None:
    channel.give(np.frombuffer(made.encode() if isinstance(made, str) else made, np.uint8))
