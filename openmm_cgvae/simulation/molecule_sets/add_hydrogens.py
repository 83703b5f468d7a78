"""Adding hydrogens to start structures."""

import random
from collections.abc import Sequence

import openmm
from openmm import app

from openmm_cgvae.simulation.reference.dynamics import force_field

__all__ = ["add_hydrogens"]


def add_hydrogens(
    modeller: app.Modeller, seed: int, variants: Sequence[str | None] | None = None
) -> None:
    """Add the hydrogens of Amber's residues, the same ones for the same seed.

    Parameters
    ----------
    modeller : openmm.app.Modeller
        Molecules without hydrogens; changed in place.
    seed : int
        Seed of the directions that hydrogens are first put in.
    variants : sequence of str or None, optional
        Protonation of each residue; by default what is usual at pH 7.
    """
    # Modeller draws from Python's own generator, which is left as it was. The CPU
    # platform adds up in any order.
    reference = openmm.Platform.getPlatform("Reference")
    state = random.getstate()
    random.seed(seed)
    try:
        modeller.addHydrogens(
            force_field(is_solvated=False), variants=variants, platform=reference
        )
    finally:
        random.setstate(state)
