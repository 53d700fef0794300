"""What pip has to install for an extra. The metadata of the installed distribution are the only list of that."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from packaging.requirements import Requirement

DISTRIBUTION = "pyalign-kit"  # what pip calls it; the name pyalign belongs to another project on PyPI
NAMESAKE = "pyalign"
# What importlib.metadata and packaging raise: of a distribution that is not there, or of damaged metadata.
UNREADABLE = (ImportError, ValueError, TypeError, AttributeError, KeyError, OSError)


def pip_install(extra: str, package: str) -> str:
    """The command that installs a package of an extra, and whatever else of that extra is missing here.

    Args:
        extra: an extra of ours; where metadata are missing, as in a source tree, or damaged, only the package is named.
        package: as PyPI calls it; a version bound that it has is the one that is printed.
    """
    import shlex

    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    wanted = {canonicalize_name(required.name): required for required in requirements(extra)}
    requirement = Requirement(package)
    name = canonicalize_name(requirement.name)
    if requirement.specifier or name not in wanted:
        wanted[name] = requirement
    missing = [str(required) for key, required in sorted(wanted.items()) if key == name or not _is_satisfied(required)]
    return shlex.join(["pip", "install", *missing])


def requirements(extra: str) -> list[Requirement]:
    """What an extra asks for in this environment, also by way of other extras; nothing where metadata can't be read."""
    from importlib.metadata import requires

    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    extras, collected = [extra], []
    try:
        listed = [Requirement(line) for line in requires(DISTRIBUTION) or ()]
        for name in extras:  # which grows
            for requirement in listed:
                if (
                    requirement.marker is None
                    or requirement.marker.evaluate({"extra": ""})
                    or not requirement.marker.evaluate({"extra": name})
                ):
                    continue
                requirement.marker = None
                if canonicalize_name(requirement.name) == DISTRIBUTION:
                    extras += sorted(requirement.extras - {*extras})
                else:
                    collected.append(requirement)
    except UNREADABLE:
        return []
    return collected


def note_of_namesake() -> str | None:
    """A sentence where the other project called pyalign is installed too: both install the folder pyalign."""
    from importlib.metadata import version

    try:
        number = version(NAMESAKE)
    except UNREADABLE:
        return None
    return (
        f"the distribution {NAMESAKE} {number}, which is not {DISTRIBUTION}, installs a folder pyalign too: uninstall "
        f"both ({NAMESAKE} and {DISTRIBUTION}), then install this one again"
    )


def _is_satisfied(requirement: Requirement) -> bool:
    from importlib.metadata import version

    try:
        return requirement.specifier.contains(version(requirement.name), prereleases=True)
    except UNREADABLE:
        return False
