"""Assess structures by the molecule they should be of."""

import numpy as np

from openmm_cgvae import metrics
from openmm_cgvae.mapping import Mapping
from openmm_cgvae.mapping.replicas import part_of
from openmm_cgvae.molecules import CARBON, AtomTable
from openmm_cgvae.structures.report.report import (
    CIS_BELOW,
    CLASH_DISTANCE,
    CONTACT_DISTANCE,
    UNKNOWN_FRAME,
    Report,
)

__all__ = ["make_report"]


def make_report(
    atom_table: AtomTable,
    positions: np.ndarray,
    mapping: Mapping | None = None,
    bead_positions: np.ndarray | None = None,
    frames: np.ndarray | None = None,
    boxes: np.ndarray | None = None,
) -> Report:
    """Assess structures by the molecule they should be of.

    Parameters
    ----------
    atom_table : AtomTable
        The molecule: its bonds, stereocentres, amides and rings are the measure.
        Particles of atomic number 0, which are beads, are passed over.
    positions : ndarray, shape (n_samples, n_atoms, 3)
        Structures [Å]; one whose coordinates are not finite fails what it can fail.
    mapping : Mapping, optional
        How the atoms make beads; with `bead_positions` it is checked that they do.
    bead_positions : ndarray, shape (n_beads, 3) or (n_samples, n_beads, 3), optional
        The beads the samples were made for [Å].
    frames : ndarray of int, shape (n_samples,), optional
        The frame each sample was made for.
    boxes : ndarray, shape (n_samples, 6), optional
        Unit cells [Å, degrees]; what is close in another image is close.

    Returns
    -------
    Report
        One row per sample.

    Raises
    ------
    ValueError
        If shapes do not go together, or beads come without a mapping.

    Examples
    --------
    >>> import numpy as np
    >>> water = AtomTable(
    ...     names=("O", "H1", "H2"), atomic_numbers=np.array([8, 1, 1]),
    ...     masses=np.array([16.0, 1.0, 1.0]), residue_of_atom=np.zeros(3, int),
    ...     residue_names=("HOH",), residue_ids=(1,), insertion_codes=("",),
    ...     chain_ids=("A",), bonds=np.array([[0, 1], [0, 2]]),
    ...     stereocentres=np.empty((0, 4), int),
    ... )
    >>> bent = np.array([[0.0, 0.0, 0.0], [0.96, 0.0, 0.0], [-0.24, 0.93, 0.0]])
    >>> report = make_report(water, np.stack([bent, 1.5 * bent]))
    >>> report.is_valid, report.columns["lambda_heavy_2022"]
    (array([ True, False]), array([0., 0.]))
    """
    positions = np.asarray(positions, dtype=np.float64)
    if positions.ndim != 3 or positions.shape[1:] != (atom_table.n_atoms, 3):
        raise ValueError(
            f"`positions` has shape {positions.shape} but must be (n_samples, "
            f"{atom_table.n_atoms}, 3) for {atom_table.describe()}; put samples on the "
            "first axis"
        )
    frames = _as_frames(frames, len(positions))
    if boxes is not None and np.shape(boxes) != (len(positions), 6):
        raise ValueError(
            f"`boxes` has shape {np.shape(boxes)} but must be ({len(positions)}, 6); "
            "give the box of each sample"
        )
    residual = _bead_residual(positions, mapping, bead_positions)
    # Infinities would warn in differences; nan compares as wrong without a word.
    positions = np.where(np.isfinite(positions), positions, np.nan)
    is_finite = np.isfinite(positions).all(axis=(1, 2))
    molecule = atom_table.describe()
    is_atom = atom_table.atomic_numbers > 0
    if not is_atom.all():
        atom_table, positions = part_of(atom_table, is_atom), positions[:, is_atom]
    columns = {
        "frame": frames,
        "is_finite": is_finite,
        **_bonds(atom_table, positions, boxes),
        **_stereochemistry(atom_table, positions),
        **_contacts(atom_table, positions, boxes),
        "n_pierced_rings": metrics.count_pierced_rings(
            positions, atom_table.rings, atom_table.bonds, boxes
        ),
        "ring_out_of_plane": _ring_out_of_plane(atom_table, positions),
        "bead_residual": residual,
    }
    for column in columns.values():
        column.setflags(write=False)
    return Report(molecule=molecule, columns=columns)


def _as_frames(frames: np.ndarray | None, n_samples: int) -> np.ndarray:
    if frames is None:
        return np.full(n_samples, UNKNOWN_FRAME)
    frames = np.array(frames)
    if frames.shape != (n_samples,):
        raise ValueError(
            f"`frames` has shape {frames.shape} but there are {n_samples} samples; "
            "give the frame of each sample"
        )
    return frames.astype(np.int64)


def _bead_residual(
    positions: np.ndarray, mapping: Mapping | None, bead_positions: np.ndarray | None
) -> np.ndarray:
    if bead_positions is None:
        return np.full(len(positions), np.nan)
    if mapping is None:
        raise ValueError(
            "`bead_positions` came without `mapping`; give the mapping that makes "
            "beads of the atoms"
        )
    beads = np.asarray(bead_positions, dtype=np.float64)
    expected = (len(positions), mapping.n_beads, 3)
    if beads.shape not in (expected, expected[1:]):
        raise ValueError(
            f"`bead_positions` has shape {beads.shape} but must be {expected} or "
            f"{expected[1:]}; give the beads of each sample, or one set for all"
        )
    with np.errstate(invalid="ignore"):
        distance = np.linalg.norm(mapping.project(positions) - beads, axis=-1)
    return np.where(np.isnan(distance), np.inf, distance).max(axis=-1)


def _bonds(
    atom_table: AtomTable, positions: np.ndarray, boxes: np.ndarray | None
) -> dict[str, np.ndarray]:
    """Compute graph difference and validity, by both tables, of all and heavy atoms."""
    columns = {}
    unknown = set(atom_table.atomic_numbers.tolist()) - set(metrics.RADII_2022)
    for radii in ("2022", "rdkit"):
        for kind, heavy_only in (("", False), ("heavy_", True)):
            name = f"{kind}{radii}"
            if radii == "2022" and unknown:
                columns[f"lambda_{name}"] = np.full(len(positions), np.nan)
                columns[f"valid_{name}"] = np.zeros(len(positions), dtype=bool)
                continue
            compared = metrics.compare_bond_graphs(
                positions,
                atom_table.atomic_numbers,
                atom_table.bonds,
                radii,
                heavy_only=heavy_only,
                boxes=boxes,
            )
            columns[f"lambda_{name}"] = compared.graph_difference
            columns[f"valid_{name}"] = compared.is_valid
    return columns


def _stereochemistry(
    atom_table: AtomTable, positions: np.ndarray
) -> dict[str, np.ndarray]:
    volumes = metrics.signed_volumes(positions, atom_table.stereocentres)
    omega = np.abs(metrics.dihedral_angles(positions, atom_table.amides))
    twist = np.full(len(positions), np.nan)
    if len(atom_table.amides):
        twist = np.minimum(omega, 180.0 - omega)
        twist = np.where(np.isnan(twist), CIS_BELOW, twist).max(axis=1)
    return {
        "n_wrong_stereocentres": np.sum(~(volumes > 0), axis=1),
        "n_cis_amides": np.sum(~(omega >= CIS_BELOW), axis=1),
        "amide_twist": twist,
    }


def _contacts(
    atom_table: AtomTable, positions: np.ndarray, boxes: np.ndarray | None
) -> dict[str, np.ndarray]:
    near = atom_table.pairs_within(3)
    return {
        "n_clashes": metrics.count_clashes(positions, near, CLASH_DISTANCE, boxes),
        "n_contacts": metrics.count_clashes(positions, near, CONTACT_DISTANCE, boxes),
    }


def _ring_out_of_plane(atom_table: AtomTable, positions: np.ndarray) -> np.ndarray:
    """Compute it for the worst ring whose carbons all have three neighbours."""
    flat = [
        ring
        for ring in atom_table.rings
        if all(
            atom_table.atomic_numbers[atom] != CARBON
            or len(atom_table.neighbours[atom]) == 3
            for atom in ring
        )
    ]
    worst = np.full(len(positions), np.nan)
    for size in sorted({len(ring) for ring in flat}):
        rings = np.array([ring for ring in flat if len(ring) == size])
        measured = np.nan_to_num(metrics.out_of_plane(positions, rings), nan=np.inf)
        worst = np.fmax(worst, measured.max(axis=1))
    return worst
