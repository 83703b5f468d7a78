"""OpenMM platforms, found by name."""

import openmm

__all__ = ["LARGEST_REFERENCE_SYSTEM", "find_platform"]

# Below this size the Reference platform beats the CPU platform, whose threads wait
# longer than they work.
LARGEST_REFERENCE_SYSTEM = 60


def find_platform(platform: openmm.Platform | str | None) -> openmm.Platform | None:
    """Find an OpenMM platform by name; None and a Platform are returned as they are.

    Raises
    ------
    ValueError
        If there is no platform of this name.

    Examples
    --------
    >>> find_platform("Reference").getName()
    'Reference'
    """
    if not isinstance(platform, str):
        return platform
    names = [
        openmm.Platform.getPlatform(index).getName()
        for index in range(openmm.Platform.getNumPlatforms())
    ]
    if platform not in names:
        raise ValueError(
            f"`platform` is {platform!r} but OpenMM has {', '.join(names)} here; "
            "name one of these, or pass None to have one chosen"
        )
    return openmm.Platform.getPlatformByName(platform)
