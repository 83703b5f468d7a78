"""Files for other engines (GROMACS, Amber, CHARMM): structures and force field.

ParmEd writes the files. Topology and coordinates go together: the name of one of them
is given, and the other is written beside it.
"""

import os
import tempfile
import warnings
from pathlib import Path

import numpy as np
import openmm
import parmed

from openmm_cgvae._runtime.atomic_files import written_whole
from openmm_cgvae.molecules import AtomTable
from openmm_cgvae.structures.export.structure_files import write_structures
from openmm_cgvae.structures.export.universes import make_parmed
from openmm_cgvae.structures.openmm_bridge import ForceFieldLike, make_system

__all__ = ["COORDINATES_OF", "VACUUM_FORCEFIELD", "write_any", "write_for_engine"]

# The ending of the topology, and that of the coordinates that go with it.
COORDINATES_OF = {
    ".top": ".gro",
    ".prmtop": ".inpcrd",
    ".parm7": ".rst7",
    ".psf": ".crd",
}
# The force field of the package without its implicit solvent, which no file holds.
VACUUM_FORCEFIELD = "amber99sbildn.xml"
# The usual three, of nm, would change energies. GROMACS, MDAnalysis and ParmEd read any
# number; OpenMM's GromacsGroFile reads three only.
GRO_DECIMALS = 6
UNWRITTEN_FORCES = {
    openmm.GBSAOBCForce: "implicit solvent",
    openmm.CustomGBForce: "implicit solvent",
    openmm.CustomNonbondedForce: "the Lennard-Jones pairs of CHARMM",
    openmm.CustomBondForce: "the Lennard-Jones pairs of CHARMM",
}


def write_any(
    atom_table: AtomTable,
    positions: np.ndarray,
    boxes: np.ndarray | None,
    path: str | os.PathLike[str],
    forcefield: ForceFieldLike = None,
) -> tuple[Path, ...]:
    """Write samples in whatever format the ending tells.

    Parameters
    ----------
    atom_table : AtomTable
        What the atoms are.
    positions : ndarray, shape (n_samples, n_atoms, 3)
        Where they are [Å].
    boxes : ndarray, shape (n_samples, 6), or None
        Unit cells [Å, degrees].
    path : path-like
        File to write.
    forcefield : ForceField, System, str or sequence of str, optional
        For formats that hold one.

    Returns
    -------
    tuple of Path
        What was written.

    Raises
    ------
    ValueError
        If the format is unknown, or a force field is given that it does not hold.
    """
    path = Path(path)
    if path.suffix.lower() in COORDINATES_OF and len(positions):
        box = None if boxes is None else boxes[0]
        return write_for_engine(atom_table, positions, box, path, forcefield)
    if forcefield is not None:
        raise ValueError(
            f"`forcefield` is given but {path.suffix} files hold none; write "
            f"{', '.join(COORDINATES_OF)}, or leave it out"
        )
    write_structures(atom_table, positions, boxes, path)
    return (path,)


def write_for_engine(
    atom_table: AtomTable,
    positions: np.ndarray,
    box: np.ndarray | None,
    path: str | os.PathLike[str],
    forcefield: ForceFieldLike = None,
) -> tuple[Path, ...]:
    """Write a topology with its force field, and coordinates beside it.

    Parameters
    ----------
    atom_table : AtomTable
        What the atoms are.
    positions : ndarray, shape (n_samples, n_atoms, 3)
        Where they are [Å].
    box : ndarray, shape (6,), or None
        Unit cell [Å, degrees].
    path : path-like
        ``.top`` (GROMACS, with ``.gro``), ``.prmtop`` (Amber, with ``.inpcrd``),
        ``.parm7`` (Amber, with ``.rst7``) or ``.psf`` (CHARMM, with ``.crd``).
    forcefield : ForceField, System, str or sequence of str, optional
        By default Amber99SB-ILDN in vacuum.

    Returns
    -------
    tuple of Path
        The topology and, for each sample, the coordinates; these are numbered if
        there are several.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    ValueError
        If the ending is another, or the force field holds what no file can.
    """
    path = Path(path)
    ending = path.suffix.lower()
    if ending not in COORDINATES_OF:
        raise ValueError(
            f"`path` is {str(path)!r} but must end with "
            f"{', '.join(COORDINATES_OF)}, of which ParmEd writes the force field"
        )
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"`path` is {str(path)!r} but there is no folder {str(path.parent)!r}; "
            "make it first"
        )
    field = VACUUM_FORCEFIELD if forcefield is None else forcefield
    system = make_system(atom_table, field, box=box)
    for force in system.getForces():
        if type(force) in UNWRITTEN_FORCES:
            raise ValueError(
                f"`forcefield` has a {force.getName()}, which ParmEd does not write; "
                f"give one without {UNWRITTEN_FORCES[type(force)]}, such as "
                f"{VACUUM_FORCEFIELD!r}"
            )
    structure = make_parmed(atom_table, positions[:1], box, system)
    _save(structure, path)
    coordinates = _coordinate_paths(path, len(positions))
    for file, sample in zip(coordinates, positions, strict=True):
        structure.coordinates = sample
        _save(structure, file)
    return path, *coordinates


def _coordinate_paths(path: Path, n_samples: int) -> list[Path]:
    ending = COORDINATES_OF[path.suffix.lower()]
    if n_samples == 1:
        return [path.with_suffix(ending)]
    return [path.with_name(f"{path.stem}-{k}{ending}") for k in range(n_samples)]


def _save(structure: parmed.Structure, path: Path) -> None:
    """Write a file that appears when it is complete."""
    options = {"precision": GRO_DECIMALS} if path.suffix == ".gro" else {}
    with (
        written_whole(path) as whole,
        # ParmEd writes the name into the file.
        tempfile.TemporaryDirectory(dir=path.parent, prefix=".") as folder,
        warnings.catch_warnings(),
    ):
        # ParmEd tells of names that are too long for a format, and cuts them.
        warnings.simplefilter("ignore")
        unfinished = Path(folder, path.name)
        structure.save(str(unfinished), **options)
        unfinished.replace(whole)
