"""Proteins that no model was trained on, from their beads: how good, how fast.

    python -m benchmarks.proteins [--families alpha-carbon residue martini3 martini2]
        [--structures villin.pdb ...] [--n-samples 10] [--n-relaxed 1]
        [--peers FOLDER] [--output proteins.json]

For each protein the atoms are mapped to beads, the atoms are forgotten, and the shipped
model for that family makes them anew. Structures: adenylate kinase in the tenth DCD
frame of MDAnalysis's test data, the NMR peptide there (neopetrosiamide, its oxidised
methionine taken for methionine), and any PDB files with hydrogens. What other programs
made from the same alpha-carbons is measured alike: files FOLDER/NAME_PROGRAM_NUMBER.pdb
with the NAME of the structure. A table in Markdown is printed, JSON is written.
"""

import argparse
import json
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import MDAnalysis as mda
import numpy as np
from MDAnalysisTests import datafiles

from openmm_cgvae import AtomisticEnsemble, Backmapper, metrics
from openmm_cgvae.chemistry.proteins import (
    canonical_protein,
    family_mapping,
    protein_from_beads,
)
from openmm_cgvae.mapping import Mapping
from openmm_cgvae.mapping.replicas import part_of
from openmm_cgvae.molecules import AtomTable
from openmm_cgvae.molecules.torsions import backbone_torsions, side_chain_torsions
from openmm_cgvae.transformations import coarse_grain

FAMILIES = ("alpha-carbon", "residue", "martini3", "martini2")
BACKBONE = ("N", "CA", "C", "O")


def proteins(files: list[Path]) -> Iterator[tuple[str, mda.AtomGroup]]:
    """Give the structures, all their atoms with them."""
    kinase = mda.Universe(datafiles.PSF, datafiles.DCD)
    kinase.trajectory[10]
    yield "adenylate-kinase", kinase.atoms
    yield "neopetrosiamide", peptide()
    for file in files:
        yield file.stem, mda.Universe(file).select_atoms("protein")


def peptide() -> mda.AtomGroup:
    """Give the first model of neopetrosiamide, with methionine for its sulfoxide."""
    atoms = mda.Universe(datafiles.PDB_multiframe).atoms
    oxidised = atoms.select_atoms("resname SME")
    oxidised.residues.resnames = "MET"
    return atoms - oxidised.select_atoms("element O and not name O")


def measure(
    table: AtomTable, mapping: Mapping, truth: np.ndarray, made: np.ndarray
) -> dict[str, float]:
    """Compare samples [n, n_atoms, 3] with the structure their beads came from."""
    heavy = table.is_heavy
    backbone = heavy & np.isin(table.names, BACKBONE)
    side_chain = heavy & ~backbone
    beads = mapping.project(made) - mapping.project(truth)
    graph = (table.atomic_numbers, table.bonds, table.residue_of_atom)
    lengths = metrics.bond_lengths(truth, table.bonds)
    triples = metrics.angle_triples(table.bonds)
    angles = metrics.bond_angles(truth, triples)
    near = table.pairs_within(3)
    close = metrics.count_clashes(made, near, cutoff=1.2)
    heavy_made, heavy_table = made[:, heavy], part_of(table, heavy)
    crowded = metrics.count_clashes(heavy_made, heavy_table.pairs_within(3), cutoff=2.0)
    residues = table.n_residues
    backbone_turns, side_turns = backbone_torsions(table), side_chain_torsions(table)
    is_first = np.isin(side_turns[0][:, 1], backbone_turns[:, 0, 2])
    return {
        "residues": residues,
        "heavy": metrics.rmsd_per_structure(made, truth, heavy).mean(),
        "backbone": metrics.rmsd_per_structure(made, truth, backbone).mean(),
        "side chains": metrics.rmsd_per_structure(made, truth, side_chain).mean(),
        "valid residues": metrics.valid_parts(made, *graph, heavy_only=True).mean(),
        "valid with hydrogens": metrics.valid_parts(made, *graph).mean(),
        "bonds off": metrics.bond_length_error(made, table.bonds, lengths).mean(),
        "angles off": metrics.bond_angle_error(made, triples, angles).mean(),
        "right hands": (metrics.signed_volumes(made, table.stereocentres) > 0).mean(),
        "pairs < 1.2 A a hundred residues": 100 * close.mean() / residues,
        "heavy pairs < 2.0 A a hundred residues": 100 * crowded.mean() / residues,
        "threaded rings": metrics.count_pierced_rings(
            made, table.rings, table.bonds
        ).mean(),
        "phi, psi within 30 degrees": agreement(
            backbone_turns, np.False_, truth, made, within=30.0
        ),
        "chi within 40 degrees": agreement(*side_turns, truth, made, within=40.0),
        "JSD of phi, psi [bit]": divergence(backbone_turns, truth, made),
        "JSD of chi1 [bit]": divergence(side_turns[0][is_first], truth, made),
        "calibration": metrics.calibration(made[None], truth[None], heavy),
        "energy score": metrics.energy_score(made[None], truth[None], heavy),
        "bead residual": np.abs(beads).max(),
    }


def most_likely(
    table: AtomTable, truth: np.ndarray, made: np.ndarray
) -> dict[str, float]:
    """Say how far the most likely structure is from the original [A]."""
    backbone = np.isin(table.names, BACKBONE)
    return {
        "most likely: heavy": metrics.rmsd(made[0], truth, table.is_heavy),
        "most likely: backbone": metrics.rmsd(made[0], truth, backbone),
    }


def agreement(
    quadruples: np.ndarray,
    is_symmetric: np.ndarray,
    truth: np.ndarray,
    made: np.ndarray,
    within: float,
) -> float:
    """Give the share of torsions that are about as in the original."""
    quadruples = quadruples.reshape(-1, 4)
    off = metrics.dihedral_angles(made, quadruples) - metrics.dihedral_angles(
        truth, quadruples
    )
    turn = np.where(is_symmetric, 180.0, 360.0)
    return float((np.abs(off - turn * np.round(off / turn)) < within).mean())


def divergence(quadruples: np.ndarray, truth: np.ndarray, made: np.ndarray) -> float:
    """Compare torsions, or pairs of them, with the original's in bins of 30 degrees."""
    sets = []
    for positions in (made, truth[None]):
        angles = metrics.dihedral_angles(positions, quadruples.reshape(-1, 4))
        sets.append(angles.reshape(-1, *quadruples.shape[1:-1]))
    return metrics.jensen_shannon_divergence(*sets, n_bins=12)


def backmapped(
    table: AtomTable, mapping: Mapping, truth: np.ndarray, n_samples: int
) -> tuple[AtomisticEnsemble, AtomisticEnsemble, float]:
    """Make samples and the most likely structure; give the CPU seconds of samples."""
    atoms = AtomisticEnsemble(table, truth[None]).to_universe()
    beads = coarse_grain(atoms, mapping)
    Backmapper(beads).sample(n=1, seed=0)  # the first one loads libraries
    start = time.process_time()
    protein = protein_from_beads(beads, protonation=protonation_of(table))
    samples = Backmapper(protein).sample(n=n_samples, seed=1)
    seconds = time.process_time() - start
    likely = Backmapper(protein, temperature=0).sample(n=1)
    if samples.atom_table.names != table.names:
        raise ValueError("the beads were taken for another protein")
    return samples, likely, seconds


def protonation_of(table: AtomTable) -> dict[int, str]:
    """Tell the tautomers of histidine, which beads do not show."""
    found = {}
    for residue in np.flatnonzero(np.array(table.residue_names) == "HIS"):
        names = np.array(table.names)[table.residue_of_atom == residue]
        has_delta, has_epsilon = "HD1" in names, "HE2" in names
        if has_delta:
            found[int(residue)] = "HIP" if has_epsilon else "HID"
    return found


def of_peers(folder: Path, name: str, heavy: AtomTable) -> dict[str, np.ndarray]:
    """Read the heavy atoms that other programs made, [n, n_atoms, 3] of each."""
    found: dict[str, list[np.ndarray]] = {}
    wanted = list(zip(heavy.residue_of_atom.tolist(), heavy.names, strict=True))
    for file in sorted(folder.glob(f"{name}_*_*.pdb")):
        atoms = mda.Universe(file).select_atoms("protein")
        index = np.unique(atoms.resindices, return_inverse=True)[1].tolist()
        places = dict(zip(zip(index, atoms.names, strict=True), atoms, strict=True))
        if not set(wanted) <= set(places):
            print(f"{file.name} lacks atoms of {name}; left out")
            continue
        made = [places[key].position for key in wanted]
        program = file.stem.split("_")[-2]
        found.setdefault(program, []).append(np.array(made, dtype=np.float64))
    return {program: np.array(made) for program, made in found.items()}


def relaxed(samples: AtomisticEnsemble, truth: np.ndarray) -> dict[str, float]:
    """Minimise samples and the original, beads held; compare what comes out."""
    original = AtomisticEnsemble(
        samples.atom_table,
        truth[None],
        mapping=samples.mapping,
        bead_positions=samples.bead_positions[:1],
    )
    after, before = samples.relax(), original.relax()
    made = after.ensemble.positions_angstrom
    table = samples.atom_table
    close = metrics.count_clashes(made, table.pairs_within(3), cutoff=1.2)
    gap = np.median(after.energy_after) - np.median(before.energy_after)
    return {
        "relaxed: right hands": (
            metrics.signed_volumes(made, table.stereocentres) > 0
        ).mean(),
        "relaxed: pairs < 1.2 A": close.mean(),
        "relaxed: threaded rings": metrics.count_pierced_rings(
            made, table.rings, table.bonds
        ).mean(),
        "relaxed: energy above the original [kJ/mol a residue]": gap / table.n_residues,
    }


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--families", nargs="+", default=FAMILIES)
    parser.add_argument("--n-samples", type=int, default=10)
    parser.add_argument("--n-relaxed", type=int, default=1)
    parser.add_argument("--structures", nargs="*", type=Path, default=[])
    parser.add_argument("--peers", type=Path)
    parser.add_argument("--output", type=Path, default=Path("proteins.json"))
    options = parser.parse_args()
    results: dict[str, dict[str, float]] = {}
    for name, atoms in proteins(options.structures):
        table, order = canonical_protein(atoms)
        truth = atoms.positions[order].astype(np.float64)
        for family in options.families:
            mapping = family_mapping(table, family)
            samples, likely, seconds = backmapped(
                table, mapping, truth, options.n_samples
            )
            row = measure(table, mapping, truth, samples.positions_angstrom)
            row |= most_likely(table, truth, likely.positions_angstrom)
            row[f"CPU seconds for {options.n_samples} samples"] = seconds
            if options.n_relaxed:
                row |= relaxed(samples[: options.n_relaxed], truth)
            results[f"{name}, {family}"] = {k: float(v) for k, v in row.items()}
            options.output.write_text(json.dumps(results, indent=1))
            print(f"done: {name}, {family}", flush=True)
        if options.peers:
            heavy = part_of(table, table.is_heavy)
            mapping = family_mapping(heavy, "alpha-carbon")
            for program, made in of_peers(options.peers, name, heavy).items():
                row = measure(heavy, mapping, truth[table.is_heavy], made)
                results[f"{name}, {program}"] = {k: float(v) for k, v in row.items()}
    options.output.write_text(json.dumps(results, indent=1))
    print(table_of(results))


def table_of(results: dict[str, dict[str, float]]) -> str:
    """Lay results out as Markdown, one column each."""
    columns = list(results)
    quantities = list(dict.fromkeys(q for row in results.values() for q in row))
    lines = ["| | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for quantity in quantities:
        cells = (f"{results[c].get(quantity, float('nan')):.4g}" for c in columns)
        lines.append(f"| {quantity} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        main()
