"""Start structures of random peptides: ends, protonation and conformation by chance."""

from dataclasses import dataclass
from itertools import groupby

import numpy as np
from openmm import app, unit
from rdkit import Chem
from rdkit.Chem import rdDistGeom

from openmm_cgvae.simulation.molecule_sets.add_hydrogens import add_hydrogens

__all__ = ["Peptide", "build_peptide"]

TEMPERATURES = (300, 350, 400, 450, 500)
# Charged states of acids and lysine are the usual ones, so they come more often.
VARIANTS = {
    "H": ("HID", "HIE", "HIP"),
    "D": ("ASP", "ASP", "ASP", "ASH"),
    "E": ("GLU", "GLU", "GLU", "GLH"),
    "K": ("LYS", "LYS", "LYS", "LYN"),
}
# Amber has no neutral ones at charged ends.
CHARGED = {"ASH": "ASP", "GLH": "GLU", "LYN": "LYS"}
N_ATTEMPTS = 4
LARGEST_SEED = 2**31 - 1
# Caps are made from an alanine: what is kept of it, and what it is called there.
CAPS = {"ACE": {"CA": "CH3", "C": "C", "O": "O"}, "NME": {"N": "N", "CA": "C"}}
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
    (None, 'HID', None)
    """
    capped = bool(generator.random() < 0.5), bool(generator.random() < 0.5)
    temperature = float(generator.choice(TEMPERATURES))
    letters = "A" * capped[0] + sequence + "A" * capped[1]
    heavy = _embedded(letters, generator)
    variants = []
    for number, letter in enumerate(letters):
        is_cap = number < capped[0] or number >= len(letters) - capped[1]
        choices = () if is_cap else VARIANTS.get(letter, ())
        drawn = str(generator.choice(choices)) if choices else None
        is_end = number in (0, len(letters) - 1)
        variants.append(CHARGED.get(drawn, drawn) if is_end and drawn else drawn)
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
        settings = rdDistGeom.ETKDGv3()
        # RDKit's stubs take its settings for objects.
        settings.randomSeed = int(generator.integers(1, LARGEST_SEED))  # type: ignore[assignment]
        settings.useRandomCoords = True  # type: ignore[assignment]
        if rdDistGeom.EmbedMolecule(molecule, settings) == 0:
            return Chem.RemoveHs(molecule)
    raise ValueError(f"RDKit could not embed it in {N_ATTEMPTS} attempts")


def _without_hydrogens(heavy: Chem.Mol, capped: tuple[bool, bool]) -> app.Modeller:
    """Build OpenMM's topology of RDKit's molecule, capped alanines made caps."""
    topology = app.Topology()
    chain = topology.addChain("A")
    atoms = sorted(heavy.GetAtoms(), key=_residue_number)
    n_residues = _residue_number(atoms[-1])
    made = {}
    for number, members in groupby(atoms, key=_residue_number):
        cap = ""
        if capped[0] and number == 1:
            cap = "ACE"
        elif capped[1] and number == n_residues:
            cap = "NME"
        named = [(atom, *_names(atom, cap)) for atom in members]
        residue = topology.addResidue(named[0][1], chain, str(number))
        for atom, _, name in named:
            if name:
                element = app.Element.getBySymbol(atom.GetSymbol())
                made[atom.GetIdx()] = topology.addAtom(name, element, residue)
    for bond in heavy.GetBonds():
        ends = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
        if made.keys() >= set(ends):
            topology.addBond(*(made[end] for end in ends))
    positions = heavy.GetConformer().GetPositions()[list(made)]
    return app.Modeller(topology, positions * unit.angstrom)


def _residue_number(atom: Chem.Atom) -> int:
    return int(atom.GetPDBResidueInfo().GetResidueNumber())


def _names(atom: Chem.Atom, cap: str) -> tuple[str, str]:
    """Name an atom's residue and itself; no name for what a cap does not have."""
    info = atom.GetPDBResidueInfo()
    residue, name = str(info.GetResidueName()).strip(), str(info.GetName()).strip()
    if cap:
        return cap, CAPS[cap].get(name, "")
    if residue == "ILE":
        name = NAMES_IN_ISOLEUCINE.get(name, name)
    return residue, name
