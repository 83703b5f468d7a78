"""Distances and angles of neighbouring beads in crystals, for every family of beads.

``python -m benchmarks.bead_statistics FOLDER`` reads the PDB files of a folder, one
chain each, and writes benchmarks/bead_statistics.json, whose numbers are the tables of
openmm_cgvae/chemistry/proteins/unusual_beads.py. The entries of the PDB that were read
(https://files.rcsb.org/download/1ABA.pdb) are named there with their chains: X-ray
structures at 1.8 Å or better, 60 to 300 residues, one of each cluster at 40 % identity.
"""

import json
import sys
import warnings
from pathlib import Path

import MDAnalysis as mda
import numpy as np

from openmm_cgvae.chemistry.proteins import (
    FAMILIES,
    family_mapping,
    protein_from_beads,
)
from openmm_cgvae.chemistry.proteins.unusual_beads import NeighbourGeometry
from openmm_cgvae.molecules import HYDROGEN, AtomTable

FRACTION = 0.999
BINS = {"distances": 0.05, "angles": 2.0}  # [Å], [degrees]
OUTPUT = Path(__file__).with_suffix(".json")


def placed(table: AtomTable, atoms: "mda.AtomGroup") -> np.ndarray:
    """Put heavy atoms where the file has them, and hydrogens onto what they are on."""
    known = {
        (residue, atom.name): atom.position
        for residue, group in enumerate(atoms.residues)
        for atom in group.atoms
    }
    # The second oxygen of the end, which files may lack, counts as the first.
    names = ["O" if name == "OXT" else name for name in table.names]
    keys = zip(table.residue_of_atom.tolist(), names, strict=True)
    nowhere = np.full(3, np.nan)
    positions = np.array([known.get(key, nowhere) for key in keys])
    for one, other in (table.bonds.T, table.bonds.T[::-1]):
        is_light = table.atomic_numbers[one] == HYDROGEN
        positions[one[is_light]] = positions[other[is_light]]
    return positions


def read(path: Path) -> dict[str, dict[str, np.ndarray]]:
    """Compute the numbers of one chain."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        atoms = mda.Universe(str(path)).select_atoms("protein and not element H")
        protein = protein_from_beads(
            atoms.select_atoms("name CA"), family="alpha-carbon", disulfides=[]
        )
    table = protein.atom_table
    if table.n_residues != len(atoms.residues):
        raise ValueError(f"{path.name} has residues that are left out")
    positions = placed(table, atoms)
    found = {}
    for family in FAMILIES:
        mapping = family_mapping(table, family)
        geometry = NeighbourGeometry(family, table, mapping)
        beads = mapping.project(positions)
        found[family] = {
            "distances": geometry.distances(beads),
            "angles": geometry.angles(beads),
        }
    return found


def ranges(numbers: np.ndarray, width: float) -> list[list[float]]:
    """Find the fewest bins that hold nearly all numbers, as ranges."""
    bins, counts = np.unique(np.floor(numbers / width).astype(int), return_counts=True)
    order = np.argsort(-counts, kind="stable")
    n_bins = int(np.searchsorted(np.cumsum(counts[order]), FRACTION * len(numbers))) + 1
    chosen = np.sort(bins[order[:n_bins]])
    parts = np.split(chosen, np.flatnonzero(np.diff(chosen) > 1) + 1)
    return [
        [round(float(part[0] * width), 2), round(float((part[-1] + 1) * width), 2)]
        for part in parts
    ]


def main() -> None:
    """Read all files and write the statistics."""
    kept: dict[str, dict[str, list[np.ndarray]]] = {
        family: {kind: [] for kind in BINS} for family in FAMILIES
    }
    entries = []
    for path in sorted(Path(sys.argv[1]).glob("*.pdb")):
        try:
            found = read(path)
        except ValueError as error:
            print(f"left out: {error}")
            continue
        entries.append(path.stem)
        for family, kinds in found.items():
            for kind, numbers in kinds.items():
                kept[family][kind].append(numbers[np.isfinite(numbers)])
    made: dict = {"entries": entries, "families": {}}
    for family, kinds in kept.items():
        together = {kind: np.concatenate(parts) for kind, parts in kinds.items()}
        made["families"][family] = {
            kind: ranges(numbers, BINS[kind]) for kind, numbers in together.items()
        } | {"n_distances": len(together["distances"])}
    OUTPUT.write_text(json.dumps(made) + "\n", encoding="utf-8")
    print(json.dumps(made["families"], indent=1))


if __name__ == "__main__":
    main()
