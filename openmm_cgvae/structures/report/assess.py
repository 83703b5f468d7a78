"""Assess structures by the molecule they should be of."""

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from openmm_cgvae import metrics
from openmm_cgvae.mapping import Mapping
from openmm_cgvae.mapping.replicas import part_of
from openmm_cgvae.molecules import CARBON, AtomTable
from openmm_cgvae.structures.report.fault_finder import (
    BOND,
    CIS,
    CIS_BELOW,
    FAR,
    FaultFinder,
    images_of_each,
)
from openmm_cgvae.structures.report.report import (
    CLASH_DISTANCE,
    CONTACT_DISTANCE,
    UNKNOWN_FRAME,
    Report,
)

__all__ = ["make_report"]

_IN_PLACE = 0.5  # [Å]; images are farther from each other


def make_report(
    atom_table: AtomTable,
    positions: np.ndarray,
    mapping: Mapping | None = None,
    bead_positions: np.ndarray | None = None,
    frames: np.ndarray | None = None,
    boxes: np.ndarray | None = None,
    given_beads: np.ndarray | None = None,
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
    given_beads : ndarray, shape (n_beads, 3) or (n_samples, n_beads, 3), optional
        The beads as the user has them [Å], in whatever image. Those of the samples
        have to be at an image of them, and no whole chain in another.

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
    beads = _all_beads("bead_positions", bead_positions, mapping, len(positions))
    given = _all_beads("given_beads", given_beads, mapping, len(positions))
    # Infinities would warn in differences; nan compares as wrong without a word.
    positions = np.where(np.isfinite(positions), positions, np.nan)
    is_finite = np.isfinite(positions).all(axis=(1, 2))
    kept = _beads_kept(atom_table, positions, mapping, beads, given, boxes)
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
        **kept,
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


def _all_beads(
    name: str, beads: np.ndarray | None, mapping: Mapping | None, n_samples: int
) -> np.ndarray | None:
    """Return beads with an axis of samples, of length 1 if one set serves all."""
    if beads is None:
        return None
    if mapping is None:
        raise ValueError(
            f"`{name}` came without `mapping`; give the mapping that makes beads of "
            "the atoms"
        )
    beads = np.asarray(beads, dtype=np.float64)
    expected = (n_samples, mapping.n_beads, 3)
    if beads.shape not in (expected, expected[1:]):
        raise ValueError(
            f"`{name}` has shape {beads.shape} but must be {expected} or "
            f"{expected[1:]}; give the beads of each sample, or one set for all"
        )
    return beads.reshape(-1, *expected[1:])


def _beads_kept(
    atom_table: AtomTable,
    positions: np.ndarray,
    mapping: Mapping | None,
    beads: np.ndarray | None,
    given: np.ndarray | None,
    boxes: np.ndarray | None,
) -> dict[str, np.ndarray]:
    """Compute how far beads are from where they should be, and what is amiss there."""
    n_samples = len(positions)
    faults = FaultFinder(atom_table, mapping).find(positions, beads, boxes)
    unknown = np.full(n_samples, np.nan)
    columns = {
        "n_wrong_bonds": faults.count_of(BOND, n_samples),
        "n_unexpected_cis_amides": faults.count_of(CIS, n_samples),
        "n_far_atoms": unknown if beads is None else faults.count_of(FAR, n_samples),
        "n_displaced_chains": unknown.copy(),
        "bead_residual": unknown.copy(),
    }
    if mapping is None or (beads is None and given is None):
        return columns
    made = mapping.project(positions)
    distances = [
        np.linalg.norm(images_of_each(made - wanted, boxes), axis=-1).max(axis=-1)
        for wanted in (beads, given)
        if wanted is not None
    ]
    columns["bead_residual"] = np.nan_to_num(np.max(distances, axis=0), nan=np.inf)
    if given is not None:
        columns["n_displaced_chains"] = _displaced_chains(
            atom_table, mapping, made - given, boxes
        )
    return columns


def _displaced_chains(
    atom_table: AtomTable,
    mapping: Mapping,
    gaps: np.ndarray,
    boxes: np.ndarray | None,
) -> np.ndarray:
    """Count the chains, joined by bonds, of which no bead is in its own image."""
    n_atoms = atom_table.n_atoms
    graph = coo_array(
        (np.ones(len(atom_table.bonds)), atom_table.bonds.T), shape=(n_atoms, n_atoms)
    )
    n_chains, chain_of_atom = connected_components(graph, directed=False)
    chain_of_bead = np.zeros(mapping.n_beads, dtype=np.int64)
    chain_of_bead[mapping.bead_of_atom] = chain_of_atom
    in_place = np.linalg.norm(gaps - images_of_each(gaps, boxes), axis=-1) < _IN_PLACE
    with_beads = np.unique(chain_of_bead)
    counts = [
        np.bincount(chain_of_bead[row], minlength=n_chains)[with_beads]
        for row in in_place
    ]
    return np.sum(np.reshape(counts, (-1, len(with_beads))) == 0, axis=1)


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
