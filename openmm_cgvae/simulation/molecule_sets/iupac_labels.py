"""Labels of like atoms, such as the hydrogens of a methylene, put as IUPAC has them.

Programs that add hydrogens number them at random. Where molecules are to teach a model
what an atom of a name looks like, each name must stand for one place.
"""

from collections.abc import Callable, Iterator

import numpy as np
from jaxtyping import Float

from openmm_cgvae.molecules import CARBON, HYDROGEN, NITROGEN, AtomTable

__all__ = ["standard_labels"]

# The neighbour that is nearer to the backbone, by the name of the centre.
INWARD = {
    "CA": "N",
    "CB": "CA",
    "CG": "CB",
    "CG1": "CB",
    "CD": "CG",
    "CE": "CD",
    "N": "CA",
    "NZ": "CE",
}

Positions = Float[np.ndarray, "n_frames n_atoms 3"]
Pair = tuple[list[int], list[int], Callable[[Positions], np.ndarray]]


def standard_labels(atom_table: AtomTable, positions: Positions) -> Positions:
    """Let like atoms trade places until their labels are those of IUPAC.

    Parameters
    ----------
    atom_table : AtomTable
        Standard amino acids and caps.
    positions : ndarray, shape (n_frames, n_atoms, 3)
        Frames [Å].

    Returns
    -------
    ndarray, shape (n_frames, n_atoms, 3)
        The same places, each atom in that of its name.

    Notes
    -----
    Seen with the centre's inner neighbour in front, the lower number, the higher
    number and the rest follow clockwise in methylenes and in the forks of valine and
    leucine; the hydrogens of methyls and ammonium count counterclockwise seen from
    outside; the first hydrogen of an amide or guanidinium is cis to the chain (J. L.
    Markley et al., Pure Appl. Chem. 70, 117 (1998)). Groups whose sides flip as
    molecules move, such as rings, are not touched: see `flips`.
    """
    placed = positions.copy()
    # Limbs trade before the hydrogens on them.
    for pairs in (_forks(atom_table), _hydrogens(atom_table)):
        for first, second, is_standard in pairs:
            trades = np.flatnonzero(~is_standard(placed))[:, None]
            both, traded = [*first, *second], [*second, *first]
            placed[trades, both] = placed[trades, traded]
    return placed


def _forks(table: AtomTable) -> Iterator[Pair]:
    """Find the two methyls of valine and leucine."""
    for centre, around in enumerate(table.neighbours):
        limbs = sorted(
            ([atom, *_hydrogens_of(table, atom)] for atom in around),
            key=lambda limb: table.names[limb[0]],
        )
        methyls = [limb for limb in limbs if len(limb) == 4]
        if len(around) == 4 and len(methyls) == 2:
            first, second = methyls
            yield first, second, _is_clockwise(table, centre, first[0], second[0])


def _hydrogens(table: AtomTable) -> Iterator[Pair]:
    """Find the hydrogens of methylenes, methyls, ammonium and flat amines."""
    for centre, around in enumerate(table.neighbours):
        found = _hydrogens_of(table, centre)
        heavy = [atom for atom in around if atom not in found]
        if len(found) == 3 and len(heavy) == 1:
            yield [found[1]], [found[2]], _is_right_handed(centre, found, sign=1)
        elif len(found) == 2 and heavy:
            is_flat = len(heavy) == 1 and len(table.neighbours[heavy[0]]) == 3
            rule = _is_cis if is_flat else _is_clockwise
            yield [found[0]], [found[1]], rule(table, centre, *found)


def _hydrogens_of(table: AtomTable, atom: int) -> list[int]:
    """Return the hydrogens of a carbon or nitrogen by rising name."""
    if table.atomic_numbers[atom] not in (CARBON, NITROGEN):
        return []
    found = [a for a in table.neighbours[atom] if table.atomic_numbers[a] == HYDROGEN]
    return sorted(found, key=lambda a: table.names[a])


def _is_clockwise(
    table: AtomTable, centre: int, first: int, second: int
) -> Callable[[Positions], np.ndarray]:
    wanted = INWARD.get(table.names[centre])
    inward = [a for a in table.neighbours[centre] if table.names[a] == wanted]
    if len(inward) != 1:
        name = table.residue_names[table.residue_of_atom[centre]]
        raise ValueError(
            f"`atom_table` has the atom {table.names[centre]} of {name}, which is not "
            "as in a standard amino acid; give proteins of standard amino acids"
        )
    return _is_right_handed(centre, [inward[0], first, second], sign=-1)


def _is_right_handed(
    centre: int, arms: list[int], *, sign: int
) -> Callable[[Positions], np.ndarray]:
    def is_standard(positions: Positions) -> np.ndarray:
        volumes = np.linalg.det(positions[:, arms] - positions[:, [centre]])
        return np.asarray(sign * volumes > 0)

    return is_standard


def _is_cis(
    table: AtomTable, centre: int, first: int, second: int
) -> Callable[[Positions], np.ndarray]:
    (root,) = (a for a in table.neighbours[centre] if a not in (first, second))
    beyond = [a for a in table.neighbours[root] if a != centre]
    # The chain goes on there; the other is an oxygen or another amine.
    chain = max(
        beyond, key=lambda a: int(table.is_heavy[list(table.neighbours[a])].sum())
    )

    def is_standard(positions: Positions) -> np.ndarray:
        near, far = (
            np.linalg.norm(positions[:, atom] - positions[:, chain], axis=-1)
            for atom in (first, second)
        )
        return np.asarray(near < far)

    return is_standard
