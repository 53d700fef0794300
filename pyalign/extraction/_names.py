"""Names of images: what a text file with one name a line brings back as it was."""

from __future__ import annotations

from pyalign.data.names import require_different
from pyalign.errors import InputError
from pyalign.io.paths import bad, shorten

BREAKS = {"\n": "a line break", "\r": "a carriage return", "\0": "a NUL"}


def check_names(names: tuple[str, ...], source: str | None) -> None:
    """Refuse none at all, and names that are empty, on several lines, no UTF-8, or twice there.

    All are looked at as one text: 100,000 take some hundredths of a second.
    """

    def refused(problem: str) -> InputError:
        return InputError(problem) if source is None else bad(source, problem)

    if not names:
        raise refused("there are no images")
    together = "\0".join(names)
    if together.count("\0") != len(names) - 1 or "\n" in together or "\r" in together or "" in names:
        for name in names:
            held = next((what for mark, what in BREAKS.items() if mark in name), None)
            if held or not name:
                raise refused(
                    f"names must be text on one line; {shorten(name, 200)} {f'holds {held}' if held else 'is empty'}"
                )
    try:
        together.encode()
    except UnicodeEncodeError as error:
        name = names[together.count("\0", 0, error.start)]
        raise refused(f"names must be UTF-8; got {shorten(name, 200)}") from None
    try:
        require_different(names, "image")
    except InputError as error:
        raise refused(str(error)) from None
