"""PDB files that others can read: TER at the end of chains, one letter for each."""

import itertools
from pathlib import Path

import numpy as np

from openmm_cgvae._runtime.atomic_files import written_whole
from openmm_cgvae.molecules import AtomTable
from openmm_cgvae.molecules.chain_ids import CHAIN_LETTERS
from openmm_cgvae.molecules.stretches import stretch_of_residue

__all__ = ["chain_letters", "finish_pdb"]

_PLACEHOLDER_BOX = ("CRYST1    1.000    1.000    1.000", "REMARK     285 ")
_ATOM_RECORDS = ("ATOM  ", "HETATM")
_CHAIN = 21  # column


def chain_letters(chain_ids: tuple[str, ...]) -> tuple[str, ...]:
    """Find a letter or digit for each chain, as PDB files have one column for it.

    Parameters
    ----------
    chain_ids : tuple of str
        Identifiers of any length.

    Returns
    -------
    tuple of str
        Identifiers of one letter stay; the others get letters that are free, and when
        these are used up, all letters again and again. A chain without an identifier
        has a blank.

    Examples
    --------
    >>> chain_letters(("A", "PROA", "PROA", "B", ""))
    ('A', 'C', 'C', 'B', ' ')
    """
    distinct = list(dict.fromkeys(chain_ids))
    letters = {name: name for name in distinct if name in set(CHAIN_LETTERS)}
    free = [letter for letter in CHAIN_LETTERS if letter not in letters]
    others = itertools.chain(free, itertools.cycle(CHAIN_LETTERS))
    for name in distinct:
        if name and name not in letters:
            letters[name] = next(others)
    return tuple(letters.get(name, " ") for name in chain_ids)


def finish_pdb(path: Path, table: AtomTable) -> None:
    """Write to a PDB file of MDAnalysis where chains end and how they are called.

    OpenMM joins residues that follow each other up to a TER record, and takes the box
    of 1 Å that MDAnalysis writes for none, and which is removed, for a box.

    Parameters
    ----------
    path : Path
        The file, of one model or many.
    table : AtomTable
        Its atoms.
    """
    residues = table.residue_of_atom
    letters = np.array(chain_letters(table.chain_ids), dtype=object)[residues].tolist()
    stretches = stretch_of_residue(table)[residues]
    is_last = (np.diff(stretches, append=-1) != 0).tolist()
    atom = 0
    with (
        written_whole(path) as finished,
        path.open(encoding="utf-8") as lines,
        finished.open("w", encoding="utf-8") as file,
    ):
        for line in lines:
            if line.startswith(_PLACEHOLDER_BOX):
                continue
            if not line.startswith(_ATOM_RECORDS):
                file.write(line)
                continue
            named = line[:_CHAIN] + letters[atom] + line[_CHAIN + 1 :]
            file.write(named)
            if is_last[atom]:
                file.write(f"TER{' ' * 14}{named[17:27].rstrip()}\n")
            atom = (atom + 1) % table.n_atoms
