"""Start structures of random peptides: ends, protonation and conformation by chance."""

from dataclasses import dataclass

import numpy as np
from openmm import app, unit
from rdkit import Chem
from rdkit.Chem import AllChem

from openmm_cgvae.molecule_sets.hydrogens import add_hydrogens

__all__ = ["Peptide", "build_peptide"]

TEMPERATURES = (300, 350, 400, 450, 500)
# Charged states of acids and lysine are the usual ones, so they come more often.
VARIANTS = {
    "H": ("HID", "HIE", "HIP"),
    "D": ("ASP", "ASP", "ASP", "ASH"),
    "E": ("GLU", "GLU", "GLU", "GLH"),
    "K": ("LYS", "LYS", "LYS", "LYN"),
}
N_ATTEMPTS = 4
LARGEST_SEED = 2**31 - 1
# Caps are made from an alanine: what is kept of it, and what it is called there.
CAP_BEFORE = {"CA": "CH3", "C": "C", "O": "O"}
CAP_AFTER = {"N": "N", "CA": "C"}
# RDKit calls the methyl of isoleucine CG1 and the methylene CG2; in PDB files, and in
# the templates that hydrogens are added by, it is the other way round.
NAMES_IN_ISOLEUCINE = {"CG1": "CG2", "CG2": "CG1"}


@dataclass(frozen=True, kw_only=True, eq=False)
class Peptide:
    """A peptide with hydrogens, as RDKit embedded it.

    Parameters
    ----------
    sequence : str
        One-letter codes, without the caps.
    capped : tuple of bool
        Whether the first and the last end are capped (ACE, NME) instead of charged.
    variants : tuple of str or None, one per residue
        Protonation, of those residues that have several; caps count as residues.
    temperature : float
        Temperature to simulate it at [K].
    modeller : openmm.app.Modeller
        Topology and positions.
    """

    sequence: str
    capped: tuple[bool, bool]
    variants: tuple[str | None, ...]
    temperature: float
    modeller: app.Modeller


def build_peptide(sequence: str, generator: np.random.Generator) -> Peptide:
    """Build a peptide with everything but its sequence drawn by chance.

    Parameters
    ----------
    sequence : str
        One-letter codes.
    generator : numpy.random.Generator
        Source of chance.

    Returns
    -------
    Peptide
        The peptide, L and with its amides as RDKit embeds them, not minimised.

    Raises
    ------
    ValueError
        If RDKit cannot embed it.

    Examples
    --------
    >>> build_peptide("GH", np.random.default_rng(0)).variants
    ('HID',)
    """
    capped = bool(generator.random() < 0.5), bool(generator.random() < 0.5)
    temperature = float(generator.choice(TEMPERATURES))
    letters = "A" * capped[0] + sequence + "A" * capped[1]
    heavy = _embedded(letters, generator)
    variants = []
    for number, letter in enumerate(letters):
        is_cap = number < capped[0] or number >= len(letters) - capped[1]
        choices = () if is_cap else VARIANTS.get(letter, ())
        variants.append(str(generator.choice(choices)) if choices else None)
    modeller = _without_hydrogens(heavy, capped)
    seed = int(generator.integers(1, LARGEST_SEED))
    add_hydrogens(modeller, seed, variants)
    return Peptide(
        sequence=sequence,
        capped=capped,
        variants=tuple(variants),
        temperature=temperature,
        modeller=modeller,
    )


def _embedded(letters: str, generator: np.random.Generator) -> Chem.Mol:
    """Let RDKit find a conformation; only heavy atoms are given."""
    molecule = Chem.AddHs(Chem.MolFromSequence(letters))
    for _ in range(N_ATTEMPTS):
        settings = AllChem.ETKDGv3()
        settings.randomSeed = int(generator.integers(1, LARGEST_SEED))
        settings.useRandomCoords = True
        if AllChem.EmbedMolecule(molecule, settings) == 0:
            return Chem.RemoveHs(molecule)
    raise ValueError(f"RDKit could not embed it in {N_ATTEMPTS} attempts")


def _without_hydrogens(heavy: Chem.Mol, capped: tuple[bool, bool]) -> app.Modeller:
    """Make OpenMM's topology of RDKit's molecule, alanines at capped ends made caps."""
    topology = app.Topology()
    chain = topology.addChain("A")
    residues: dict[int, list[Chem.Atom]] = {}
    for atom in heavy.GetAtoms():
        residues.setdefault(_residue(atom).GetResidueNumber(), []).append(atom)
    made = {}
    for number in sorted(residues):
        name = str(_residue(residues[number][0]).GetResidueName()).strip()
        names = NAMES_IN_ISOLEUCINE if name == "ILE" else {}
        kept = None
        if capped[0] and number == 1:
            name, kept = "ACE", CAP_BEFORE
        elif capped[1] and number == len(residues):
            name, kept = "NME", CAP_AFTER
        residue = topology.addResidue(name, chain, str(number))
        for atom in residues[number]:
            found = str(_residue(atom).GetName()).strip()
            if kept is None or found in kept:
                found = names.get(found, found) if kept is None else kept[found]
                element = app.Element.getBySymbol(atom.GetSymbol())
                made[atom.GetIdx()] = topology.addAtom(found, element, residue)
    for bond in heavy.GetBonds():
        first, second = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
        if first in made and second in made:
            topology.addBond(made[first], made[second])
    positions = heavy.GetConformer().GetPositions()[list(made)]
    return app.Modeller(topology, positions * unit.angstrom)


def _residue(atom: Chem.Atom) -> Chem.AtomPDBResidueInfo:
    return atom.GetPDBResidueInfo()
