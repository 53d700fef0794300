"""Names or sentences, as items of a language model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyalign._dataclass import dataclass
from pyalign.errors import InputError

PLACE = "{}"  # of the text in a prompt


@dataclass(frozen=True, eq=False)
class Texts:
    """Texts in an order.

    Rows keep the names as they were read; the model sees them with blanks instead of underscores.
    """

    names: tuple[str, ...]  # the texts, all different.
    order: str  # a phrase.
    source: str | None = None  # the file, or None.
    notes: tuple[str, ...] = ()  # what was noticed.

    def open(self, k: int) -> str:
        """The text of a position, with blanks instead of underscores: `alarm_clock` is no word."""
        return self.names[k].replace("_", " ")


def as_texts(source: Any) -> Texts:
    """Texts of a file with one per line, or of a sequence.

    Raises:
        InputError: none, one twice, one that is empty or has a line break.

    Example:
        >>> as_texts(["dog", "alarm_clock"]).open(1)
        'alarm clock'
    """
    if isinstance(source, Texts):
        return source
    if isinstance(source, Sequence) and not isinstance(source, str):
        return Texts(_checked([*source]), "as given")
    from pyalign.io.names import read_names

    return Texts(_checked(list(read_names(source))), "as listed", str(source))


def fill(prompt: str, text: str) -> str:
    """A text in its prompt, which has one {}.

    Raises:
        InputError: it has none, or several.

    Example:
        >>> fill("a photo of a {}", "dog")
        'a photo of a dog'
    """
    if prompt.count(PLACE) != 1 or "\n" in prompt:
        raise InputError(f"prompt must be a line with one {PLACE}, where the text goes; got {prompt!r:.80}")
    return prompt.replace(PLACE, text)


def _checked(names: list[Any]) -> tuple[str, ...]:
    if not names:
        raise InputError("texts must hold at least one; got none")
    seen: set[str] = set()
    for k, name in enumerate(names):
        if not isinstance(name, str) or not name.strip():
            raise InputError(f"texts must be text; number {k} is {name!r}")
        if "\n" in name or "\r" in name:
            raise InputError(f"texts must be of one line each; number {k} is {name!r:.80}")
        try:
            name.encode()
        except UnicodeEncodeError:
            raise InputError(f"texts must be UTF-8; number {k} is {name!r:.80}") from None
        if name in seen:
            raise InputError(f"texts must differ; {name!r:.80} occurs more than once")
        seen.add(name)
    return tuple(names)
