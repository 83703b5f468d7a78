"""Schemes by their names, as the command line has them."""

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import MDAnalysis as mda

from openmm_cgvae._runtime import plugins
from openmm_cgvae.mapping.mapping import Mapping
from openmm_cgvae.mapping.schemes.backbone import backbone_partition
from openmm_cgvae.mapping.schemes.bead_groups import checked_group
from openmm_cgvae.mapping.schemes.by_residue import alpha_carbon, residues
from openmm_cgvae.mapping.schemes.cgsmiles import cgsmiles
from openmm_cgvae.mapping.schemes.martini_proteins import martini
from openmm_cgvae.mapping.schemes.peptide_units import peptide_units

__all__ = ["from_spec"]


def from_spec(atoms: "mda.Universe | mda.AtomGroup", text: str) -> Mapping:
    """Build a mapping by the name of a scheme, as on the command line.

    Parameters
    ----------
    atoms : MDAnalysis.Universe or AtomGroup
        The atomistic molecule.
    text : str
        "residues", "alpha-carbon", "peptide-units", "peptide-units:split", "martini",
        "martini:2", "backbone:N", "backbone:N:SEED", "autograin:N", "autograin:N:SEED",
        a CGSmiles text, which begins with "{", the path of a ``.json`` mapping, or
        NAME, NAME:N or NAME:N:SEED of a scheme that another package has registered
        as an entry point in the group ``openmm_cgvae.schemes``: a function of atoms,
        and of as many whole numbers as there are, that gives a `Mapping`.

    Returns
    -------
    Mapping
        What the scheme makes with its default weights, or what the file holds.

    Raises
    ------
    ValueError
        If the text names no scheme, or the file is for other atoms, or a scheme of
        another package cannot be used.

    Examples
    --------
    >>> import MDAnalysis as mda
    >>> universe = mda.Universe.empty(2, atom_resindex=[0, 0])
    >>> universe.add_TopologyAttr("masses", [12.0, 1.0])
    >>> from_spec(universe, "residues")
    <Mapping of 2 atoms to 1 beads>
    """
    if text.endswith(".json"):
        return _from_file(atoms, text)
    if text.startswith("{"):
        return cgsmiles(atoms, text)
    for pattern, scheme in _SCHEMES.items():
        found = re.fullmatch(pattern, text)
        if found:
            return scheme(atoms, *(int(number) for number in found.groups() if number))
    others = plugins.registered(plugins.SCHEMES)
    name, *numbers = text.split(":")
    if name in others and all(number.isdecimal() for number in numbers):
        made = _made(others[name], atoms, [int(number) for number in numbers])
        return _checked(made, name, atoms)
    raise ValueError(
        f"`text` is {text!r}, which names no scheme; give residues, alpha-carbon, "
        "peptide-units, peptide-units:split, martini, martini:2, backbone:N, "
        "backbone:N:SEED, autograin:N, autograin:N:SEED, "
        f"{''.join(f'{name}, ' for name in others)}"
        "{CGSmiles} or the path of a .json mapping"
    )


def _made(
    scheme: plugins.EntryPoint,
    atoms: "mda.Universe | mda.AtomGroup",
    numbers: list[int],
) -> object:
    """Call a scheme of another package, which must not end the program."""
    try:
        return plugins.load(scheme)(atoms, *numbers)
    except SystemExit as error:
        raise ValueError(
            f"`text` names the scheme {scheme.name!r} of another package, which tried "
            f"to end the program ({error}); ask its authors to mend it"
        ) from error


def _checked(made: object, name: str, atoms: "mda.Universe | mda.AtomGroup") -> Mapping:
    n_atoms = len(checked_group(atoms))
    if not isinstance(made, Mapping) or made.n_atoms != n_atoms:
        raise ValueError(
            f"`text` names the scheme {name!r} of another package, which made {made!r} "
            f"but must make a Mapping of {n_atoms} atoms; ask its authors to mend it"
        )
    return made


def _from_file(atoms: "mda.Universe | mda.AtomGroup", text: str) -> Mapping:
    mapping = Mapping.load(Path(text))
    n_atoms = len(checked_group(atoms))
    if mapping.n_atoms != n_atoms:
        raise ValueError(
            f"`text` {text!r} maps {mapping.n_atoms} atoms but there are "
            f"{n_atoms}; give a mapping made for these atoms"
        )
    return mapping


def _learned(
    atoms: "mda.Universe | mda.AtomGroup", n_beads: int, seed: int = 0
) -> Mapping:
    # Imported here, since the other schemes need no torch.
    from openmm_cgvae.mapping.autograin import learn_mapping

    return learn_mapping(atoms, n_beads, seed=seed)


_SCHEMES: dict[str, Callable[..., Mapping]] = {
    "residues": residues,
    "alpha-carbon": alpha_carbon,
    "peptide-units": peptide_units,
    "peptide-units:split": partial(peptide_units, split_planes=True),
    "martini(?::([23]))?": martini,
    r"backbone:(\d+)(?::(\d+))?": backbone_partition,
    r"autograin:(\d+)(?::(\d+))?": _learned,
}
