"""Models and mapping schemes of other packages, known by their entry points."""

from importlib.metadata import entry_points
from typing import Any

__all__ = ["MODELS", "SCHEMES", "EntryPoint", "load", "registered"]

# Where a package has imported the backport of importlib.metadata, entry points are of
# its class and not of the standard library's.
EntryPoint = Any
MODELS = "openmm_cgvae.models"
SCHEMES = "openmm_cgvae.schemes"


def registered(group: str) -> dict[str, EntryPoint]:
    """Find what installed packages have registered.

    Parameters
    ----------
    group : str
        ``"openmm_cgvae.models"`` or ``"openmm_cgvae.schemes"``.

    Returns
    -------
    dict of str to EntryPoint
        By name, in alphabetical order; nothing is imported.

    Raises
    ------
    ValueError
        If two packages have registered the same name for different things.

    Examples
    --------
    >>> "residues" in registered(SCHEMES)  # those of the package need no entry point
    False
    """
    found: dict[str, EntryPoint] = {}
    for point in sorted(entry_points(group=group), key=lambda point: point.name):
        other = found.setdefault(point.name, point)
        if other.value != point.value:
            raise ValueError(
                f"`group` {group} has {point.name!r} twice, from "
                f"{_package_of(other)} ({other.value}) and {_package_of(point)} "
                f"({point.value}); uninstall one of the two"
            )
    return found


def load(point: EntryPoint) -> Any:
    """Import what a package has registered.

    Parameters
    ----------
    point : EntryPoint
        One of `registered`.

    Returns
    -------
    object
        What it names.

    Raises
    ------
    ValueError
        If it cannot be imported, whatever that raises.
    """
    try:
        return point.load()
    except (Exception, SystemExit) as error:
        raise ValueError(
            f"{point.name!r} of {_package_of(point)} cannot be imported from "
            f"{point.value} ({type(error).__name__}: {error}); mend that package or "
            "uninstall it"
        ) from error


def _package_of(point: EntryPoint) -> str:
    return point.dist.name if point.dist else "a package"
