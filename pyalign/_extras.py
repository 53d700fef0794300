"""What pip has to install for an extra. The metadata of the installed distribution are the only list of that."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from packaging.requirements import Requirement

DISTRIBUTION = "pyalign-kit"  # what pip calls it; the name pyalign belongs to another project on PyPI
NAMESAKE = "pyalign"


def pip_install(extra: str, package: str) -> str:
    """The command that installs a package of an extra, and whatever else of that extra is missing here.

    Args:
        extra: an extra of ours; without metadata, as in a source tree, nothing is known of it but the package.
        package: as PyPI calls it; a version bound that it has is the one that is printed.

    Example:
        >>> pip_install("no such extra", "altair"), pip_install("no such extra", "timm>=1.0.20")
        ('pip install altair', "pip install 'timm>=1.0.20'")
    """
    import shlex

    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    wanted = {canonicalize_name(one.name): one for one in requirements(extra)}
    asked = Requirement(package)
    name = canonicalize_name(asked.name)
    if asked.specifier or name not in wanted:
        wanted[name] = asked
    missing = [str(one) for key, one in sorted(wanted.items()) if key == name or not _is_satisfied(one)]
    return shlex.join(["pip", "install", *missing])


def requirements(extra: str) -> Iterator[Requirement]:
    """What an extra asks for in this environment, also by way of other extras; nothing where there are no metadata."""
    from importlib.metadata import PackageNotFoundError, requires

    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    try:
        listed = [Requirement(line) for line in requires(DISTRIBUTION) or ()]
    except PackageNotFoundError:
        return
    for one in listed:
        if one.marker is None or one.marker.evaluate({"extra": ""}) or not one.marker.evaluate({"extra": extra}):
            continue
        if canonicalize_name(one.name) == DISTRIBUTION:
            for inner in sorted(one.extras):
                yield from requirements(inner)
        else:
            one.marker = None
            yield one


def note_of_namesake() -> str | None:
    """A sentence where the other project called pyalign is installed too: both install the folder pyalign."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        number = version(NAMESAKE)
    except PackageNotFoundError:
        return None
    return (
        f"the distribution {NAMESAKE} {number}, which is not {DISTRIBUTION}, installs a folder pyalign too: uninstall "
        f"both ({NAMESAKE} and {DISTRIBUTION}), then install this one again"
    )


def _is_satisfied(one: Requirement) -> bool:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return one.specifier.contains(version(one.name), prereleases=True)
    except PackageNotFoundError:
        return False
