"""Which ceiling a score is held against: a number, or one of those that people's answers give."""

from __future__ import annotations

from pyalign.analysis.ceilings import BOUNDS, NoiseCeiling
from pyalign.errors import InputError

GIVEN = "given"  # of a number that nobody has named
Ceiling = float | tuple[str, float] | NoiseCeiling


def as_named_ceiling(ceiling: Ceiling) -> tuple[str, float]:
    """Name and value: of a number "given", of a `NoiseCeiling` the estimate, of a pair what it says.

    Raises:
        InputError: a pair that is not of a name and a number.

    Example:
        >>> as_named_ceiling(0.67), as_named_ceiling(("upper", 0.672))
        (('given', 0.67), ('upper', 0.672))
    """
    if isinstance(ceiling, NoiseCeiling):
        return "estimate", ceiling.ceilings.estimate.value
    if not isinstance(ceiling, tuple):
        return GIVEN, ceiling
    if len(ceiling) != 2 or not isinstance(ceiling[0], str):
        raise InputError(f"ceiling must be a number, a (name, number) or a NoiseCeiling; got {ceiling!r:.60}")
    return ceiling


def ceiling_of(people: NoiseCeiling, name: str) -> tuple[str, float]:
    """One of the three by name, as `score` takes it.

    Raises:
        InputError: an unknown name.

    Example:
        >>> from pyalign.analysis.ceiling import noise_ceiling
        >>> people = noise_ceiling([[0, 1, 2], [1, 0, 2], [3, 4, 5], [3, 5, 4]])
        >>> ceiling_of(people, "upper")
        ('upper', 0.75)
    """
    if name not in BOUNDS:
        raise InputError(f"ceiling must be one of {', '.join(BOUNDS)}; got {name!r}")
    return name, float(getattr(people.ceilings, name).value)
