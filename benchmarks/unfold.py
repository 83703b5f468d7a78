"""Unfold a protein by heat, to have a disordered structure to test models on.

    python -m benchmarks.unfold villin.pdb --output villin-unfolded.pdb
        [--temperature 800] [--picoseconds 100] [--seed 0]

The input has hydrogens. It is heated in implicit solvent, cooled to 300 K in a tenth of
that time, minimised, and written with its radius of gyration and how far it has come.
"""

import argparse
import warnings
from pathlib import Path

import MDAnalysis as mda
import numpy as np
from openmm import LangevinMiddleIntegrator, unit
from tqdm import tqdm

from openmm_cgvae import AtomisticEnsemble
from openmm_cgvae.chemistry.proteins import canonical_protein

TIMESTEP = 0.002  # ps
N_REPORTS = 20


def unfolded(
    atoms: mda.AtomGroup, temperature: float, picoseconds: float, seed: int
) -> AtomisticEnsemble:
    """Heat a protein, cool it, minimise it."""
    table, order = canonical_protein(atoms)
    truth = atoms.positions[order].astype(np.float64)
    state = AtomisticEnsemble(table, truth[None])[0]
    simulation = state.simulation(temperature=temperature, timestep=TIMESTEP)
    integrator = simulation.integrator
    assert isinstance(integrator, LangevinMiddleIntegrator)
    integrator.setRandomNumberSeed(seed)
    simulation.context.reinitialize(preserveState=True)
    n_steps = round(picoseconds / TIMESTEP)
    for _ in tqdm(
        range(N_REPORTS), desc="heating", unit=f"{picoseconds / N_REPORTS:g} ps"
    ):
        simulation.step(n_steps // N_REPORTS)
    integrator.setTemperature(300 * unit.kelvin)
    simulation.step(n_steps // 10)
    simulation.minimizeEnergy()
    made = simulation.context.getState(positions=True).getPositions(asNumpy=True)
    return AtomisticEnsemble(table, made.value_in_unit(unit.angstrom)[None])


def main() -> None:
    """Unfold, say what came out, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("structure", type=Path)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--temperature", type=float, default=800.0)
    parser.add_argument("--picoseconds", type=float, default=100.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    atoms = mda.Universe(options.structure).select_atoms("protein")
    ensemble = unfolded(atoms, options.temperature, options.picoseconds, options.seed)
    universe = ensemble.to_universe()
    before, after = atoms.radius_of_gyration(), universe.atoms.radius_of_gyration()
    print(f"radius of gyration {before:.1f} A, unfolded {after:.1f} A")
    universe.atoms.write(options.output)


if __name__ == "__main__":
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        main()
