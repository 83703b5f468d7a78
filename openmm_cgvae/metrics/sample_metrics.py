"""Metrics of samples, gathered a few frames at a time.

Memory does not grow with the number of samples but for a few numbers of each.
"""

from collections.abc import Iterator

import numpy as np

from openmm_cgvae import metrics
from openmm_cgvae.mapping import Mapping
from openmm_cgvae.metrics.vocabulary import ATOMS
from openmm_cgvae.molecules import AtomTable
from openmm_cgvae.molecules.torsions import backbone_torsions, side_chain_torsions

__all__ = ["Measurement", "chunks"]

CLASH_DISTANCE = 1.2  # [Å], any two atoms: on top of each other
HEAVY_CLASH_DISTANCE = 2.0  # [Å], heavy atoms: nearer than any contact
LEAST_APART = 3  # bonds; atoms that are nearer in the molecule do not clash
N_BINS = 36  # of a torsion: 10 degrees
CHUNK_BYTES = 32 * 2**20  # of samples


def chunks(n_frames: int, n_samples: int, n_atoms: int) -> Iterator[slice]:
    """Cut frames into parts whose samples take little memory.

    Parameters
    ----------
    n_frames, n_samples, n_atoms : int
        Frames, samples of each and atoms of a sample.

    Yields
    ------
    slice
        The frames of one part.

    Examples
    --------
    >>> list(chunks(3, 32, 20_000))
    [slice(0, 2, None), slice(2, 3, None)]
    """
    n_each = max(1, CHUNK_BYTES // (n_samples * n_atoms * 24))
    for start in range(0, n_frames, n_each):
        yield slice(start, min(start + n_each, n_frames))


class Measurement:
    """Metrics of samples, gathered from parts of the frames.

    Parameters
    ----------
    atom_table : AtomTable
        The molecule.
    mapping : Mapping
        Its beads.
    truth : ndarray, shape (n_frames, n_atoms, 3)
        The held-out frames [Å].

    Examples
    --------
    >>> from openmm_cgvae.mapping import Mapping
    >>> table = AtomTable(
    ...     names=("C", "O"), atomic_numbers=[6, 8], masses=[12, 16],
    ...     residue_of_atom=[0, 0], residue_names=("CO",), residue_ids=(1,),
    ...     insertion_codes=("",), chain_ids=("A",), bonds=[[0, 1]], stereocentres=[],
    ... )
    >>> truth = np.array([[[0.0, 0.0, 0.0], [1.2, 0.0, 0.0]]])
    >>> measurement = Measurement(table, Mapping([0, 0]), truth)
    >>> measurement.add(slice(0, 1), np.stack([truth, truth], axis=1) + 1.0)
    >>> numbers = measurement.numbers()
    >>> round(numbers["error_all"], 3), numbers["valid_all"]
    (1.732, 1.0)
    """

    def __init__(
        self, atom_table: AtomTable, mapping: Mapping, truth: np.ndarray
    ) -> None:
        self.atom_table, self.mapping, self.truth = atom_table, mapping, truth
        self.masks = {"heavy": atom_table.is_heavy, "all": None}
        self.near = atom_table.pairs_within(LEAST_APART)
        self.near_heavy = _among(atom_table.is_heavy, self.near)
        self.angles = metrics.angle_triples(atom_table.bonds)
        self.lengths_of_data = metrics.bond_lengths(truth, atom_table.bonds).mean(0)
        self.angles_of_data = metrics.bond_angles(truth, self.angles).mean(0)
        self.backbone = backbone_torsions(atom_table)
        self.side_chains, self.is_symmetric = side_chain_torsions(atom_table)
        self.parts: dict[str, list[np.ndarray]] = {}

    def add(self, chosen: slice, samples: np.ndarray) -> None:
        """Measure the samples of some frames.

        Parameters
        ----------
        chosen : slice
            Which frames of the truth they are of.
        samples : ndarray, shape (n_chosen, n_samples, n_atoms, 3)
            Samples of the beads of these frames [Å].
        """
        truth = self.truth[chosen]
        self._note(self._deviations(truth, samples))
        self._note(self._bond_graphs(samples))
        self._note(self._geometry(samples))
        self._note({f"torsions_{k}": v for k, v in self._torsions(samples).items()})
        wanted = self.mapping.project(truth)[:, None]
        with np.errstate(invalid="ignore"):
            shift = np.linalg.norm(self.mapping.project(samples) - wanted, axis=-1)
        self._note({"bead_residual": shift.max(axis=-1)})

    def numbers(self) -> dict[str, float]:
        """Compute the metrics of what was added.

        Returns
        -------
        dict of str to float
            By the names of `vocabulary.METRICS`; those of torsions are missing where
            the molecule has none.
        """
        all_of = {name: np.concatenate(parts) for name, parts in self.parts.items()}
        numbers: dict[str, float] = {
            "bead_residual": float(all_of["bead_residual"].max())
        }
        for atoms in ATOMS:
            numbers |= _of_atoms(atoms, all_of)
        for name in (
            "valid_all_rdkit",
            "valid_heavy_rdkit",
            "clashes_heavy",
            "clashes_all",
        ):
            numbers[name] = float(all_of[name].mean())
        of_data = self._geometry(self.truth)
        for name in ("bond_length_error", "bond_angle_error"):
            numbers[name] = _root_mean_square(all_of[name])
            numbers[f"{name}_of_data"] = _root_mean_square(of_data[name])
        numbers["correct_chirality"] = _mean(all_of["correct_chirality"])
        for name, angles in self._torsions(self.truth).items():
            made = all_of[f"torsions_{name}"].reshape(-1, *angles.shape[1:])
            numbers[f"jsd_{name}"] = _mean_divergence(made, angles)
            halves = _mean_divergence(angles[::2], angles[1::2])
            numbers[f"jsd_{name}_by_chance"] = halves
        return numbers

    def _note(self, values: dict[str, np.ndarray]) -> None:
        for name, value in values.items():
            self.parts.setdefault(name, []).append(value)

    def _deviations(
        self, truth: np.ndarray, samples: np.ndarray
    ) -> dict[str, np.ndarray]:
        noted = {}
        for atoms, mask in self.masks.items():
            error = metrics.rmsd_per_structure(samples, truth[:, None], mask)
            noted[f"error_{atoms}"] = error
            noted[f"spread_{atoms}"] = metrics.pairwise_rmsd(samples, mask).mean(axis=1)
        return noted

    def _bond_graphs(self, samples: np.ndarray) -> dict[str, np.ndarray]:
        graphs = (samples, self.atom_table.atomic_numbers, self.atom_table.bonds)
        noted = {}
        for atoms in ATOMS:
            heavy_only = atoms == "heavy"
            compared = metrics.compare_bond_graphs(*graphs, heavy_only=heavy_only)
            noted[f"valid_{atoms}"] = compared.is_valid
            noted[f"lambda_{atoms}"] = compared.graph_difference
            noted[f"lambda_{atoms}_as_coded"] = compared.lambda_signed
            by_rdkit = metrics.compare_bond_graphs(
                *graphs, "rdkit", heavy_only=heavy_only
            )
            noted[f"valid_{atoms}_rdkit"] = by_rdkit.is_valid
        return noted

    def _geometry(self, positions: np.ndarray) -> dict[str, np.ndarray]:
        table = self.atom_table
        return {
            "bond_length_error": metrics.bond_length_error(
                positions, table.bonds, self.lengths_of_data
            ),
            "bond_angle_error": metrics.bond_angle_error(
                positions, self.angles, self.angles_of_data
            ),
            "clashes_heavy": metrics.count_clashes(
                positions[..., table.is_heavy, :], self.near_heavy, HEAVY_CLASH_DISTANCE
            ),
            "clashes_all": metrics.count_clashes(positions, self.near, CLASH_DISTANCE),
            "correct_chirality": metrics.signed_volumes(positions, table.stereocentres)
            > 0,
        }

    def _torsions(self, positions: np.ndarray) -> dict[str, np.ndarray]:
        """Compute torsions as columns: (..., n_residues, 2) and (..., n_side_chain)."""
        found = {}
        if len(self.backbone):
            flat = metrics.dihedral_angles(positions, self.backbone.reshape(-1, 4))
            found["phi_psi"] = flat.reshape(*flat.shape[:-1], -1, 2)
        if len(self.side_chains):
            chi = metrics.dihedral_angles(positions, self.side_chains)
            # Twice the angle is the same after half a turn.
            found["chi"] = np.where(self.is_symmetric, 2 * chi, chi)
        return found


def _of_atoms(atoms: str, all_of: dict[str, np.ndarray]) -> dict[str, float]:
    """Compute means over samples, of heavy or of all atoms."""
    error, spread = all_of[f"error_{atoms}"], float(all_of[f"spread_{atoms}"].mean())
    mean_error = float(error.mean())
    valid_errors = error[all_of[f"valid_{atoms}"]]
    numbers = {
        name: float(all_of[name].mean())
        for name in (f"valid_{atoms}", f"lambda_{atoms}", f"lambda_{atoms}_as_coded")
    }
    return numbers | {
        f"rmsd_gen_{atoms}": _root_mean_square(valid_errors),
        f"rmsd_gen_{atoms}_as_coded": _mean(valid_errors),
        f"error_{atoms}": mean_error,
        f"spread_{atoms}": spread,
        f"calibration_{atoms}": spread / mean_error if mean_error else np.nan,
        f"energy_score_{atoms}": mean_error - 0.5 * spread,
    }


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if values.size else np.nan


def _root_mean_square(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2))) if values.size else np.nan


def _mean_divergence(angles: np.ndarray, reference: np.ndarray) -> float:
    """Compute the mean over the torsions, or pairs of them, in the second axis."""
    angles, reference = _finite(angles), _finite(reference)
    if not len(angles) or not len(reference):
        return np.nan
    divergences = [
        metrics.jensen_shannon_divergence(
            angles[:, column], reference[:, column], N_BINS
        )
        for column in range(angles.shape[1])
    ]
    return float(np.mean(divergences))


def _finite(angles: np.ndarray) -> np.ndarray:
    """Leave out structures with positions that are not numbers."""
    axes = tuple(range(1, angles.ndim))
    return angles[np.isfinite(angles).all(axis=axes)]


def _among(is_kept: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Return the pairs of kept atoms, by their new indices."""
    index = np.cumsum(is_kept) - 1
    return index[pairs[is_kept[pairs].all(axis=1)]]
