"""Fragments: unbroken pieces of the protein chains in structure files."""

import gzip
import re
import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from openmm import app, unit

from openmm_cgvae.mapping.schemes.martini_tables import STANDARD_ATOMS, STANDARD_NAMES

__all__ = ["SHORTEST", "Fragment", "Similarity", "fragments_of", "structure_files"]

SHORTEST, LONGEST = 20, 230  # residues
LONGEST_BOND = 2.0  # between residues [Å]
ENDINGS = {
    ".pdb": app.PDBFile,
    ".ent": app.PDBFile,
    ".cif": app.PDBxFile,
    ".mmcif": app.PDBxFile,
}
# Crystallographers put selenomethionine for methionine.
RESIDUES = STANDARD_NAMES | {"MSE": "MET"}
ATOMS = STANDARD_ATOMS | {("MET", "SE"): "SD"}
# The last oxygen is left out, since most fragments do not end where a chain does.
OXYGENS = {"OT1": "O", "O1": "O", "OT2": None, "O2": None, "OXT": None}


@dataclass(frozen=True, kw_only=True, eq=False)
class Fragment:
    """Heavy atoms of consecutive residues of a chain.

    Parameters
    ----------
    source : str
        Name of the file.
    chain, first, last : str
        Chain, and numbers of the first and last residue.
    sequence : tuple of str
        Names of the residues.
    topology : openmm.app.Topology
        The atoms, without bonds.
    positions : ndarray, shape (n_atoms, 3)
        Positions [Å].
    """

    source: str
    chain: str
    first: str
    last: str
    sequence: tuple[str, ...]
    topology: app.Topology
    positions: np.ndarray

    @property
    def label(self) -> str:
        """Describe where it is from, in a few words."""
        return f"{self.source} chain {self.chain} {self.first}-{self.last}"


def structure_files(folders: Sequence[Path]) -> list[Path]:
    """List the structure files in folders and below, short names first.

    Entries of the PDB, which have short names, then come before what others made of
    them.

    Raises
    ------
    FileNotFoundError
        If a folder is not there.
    ValueError
        If there is no structure file.
    """
    found: set[Path] = set()
    for folder in folders:
        if not folder.exists():
            raise FileNotFoundError(
                f"`structures` is {str(folder)!r}, which is not there; give folders of "
                "PDB or mmCIF files"
            )
        paths = folder.rglob("*") if folder.is_dir() else [folder]
        found.update(path for path in paths if _ending(path) in ENDINGS)
    if not found:
        raise ValueError(
            f"`structures` is {', '.join(map(str, folders))} with no file that ends in "
            f"{', '.join(ENDINGS)} (or these and .gz); give folders of structures"
        )
    return sorted(found, key=lambda path: (len(path.name), path.name, str(path)))


def fragments_of(path: Path) -> Iterator[Fragment]:
    """Cut the protein chains of a structure file at gaps and what is no amino acid.

    Parameters
    ----------
    path : Path
        A PDB or mmCIF file, or one that gzip has packed.

    Yields
    ------
    Fragment
        Fragments of any length, at least one residue.

    Raises
    ------
    ValueError
        If the file cannot be read.
    """
    read: Callable[..., app.PDBFile] = ENDINGS[_ending(path)]
    opened = gzip.open if path.suffix == ".gz" else Path.open
    try:
        # Of atoms that are there twice the first is taken, without a word for each.
        with opened(path, "rt") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            structure = read(file)
    # OpenMM's readers fail in many ways on what is no structure.
    except Exception as error:
        raise ValueError(f"{path.name} cannot be read: {error!r}") from error
    positions = structure.getPositions(asNumpy=True).value_in_unit(unit.angstrom)
    for chain in structure.topology.chains():
        for run in _unbroken(chain, positions):
            yield _fragment(path.name, chain.id.strip() or "-", run, positions)


def pieces(fragment: Fragment) -> Iterator[Fragment]:
    """Cut a fragment into pieces of at most 230 residues; a short rest is left out."""
    residues = list(fragment.topology.residues())
    for start in range(0, len(residues), LONGEST):
        run = residues[start : start + LONGEST]
        if len(run) >= SHORTEST:
            yield _fragment(fragment.source, fragment.chain, run, fragment.positions)


def longer_part(fragment: Fragment, residue: int) -> Fragment | None:
    """Return the longer of the parts before and after a residue, if it is enough."""
    residues = list(fragment.topology.residues())
    run = max(residues[:residue], residues[residue + 1 :], key=len)
    if len(run) < SHORTEST:
        return None
    return _fragment(fragment.source, fragment.chain, run, fragment.positions)


class Similarity:
    """Which fragments are much like others, by the runs of five residues they share.

    Examples
    --------
    >>> similarity = Similarity(0.5)
    >>> similarity.remember("one", tuple("ABCDEFGHIJ"))
    >>> similarity.like(tuple("ABCDEFGHXX")), similarity.like(tuple("JIHGFEDCBA"))
    ('one', '')
    """

    LENGTH = 5

    def __init__(self, share: float) -> None:
        self._share = share
        self._known: dict[str, set[tuple[str, ...]]] = {}

    def remember(self, label: str, sequence: Sequence[str]) -> None:
        """Remember a sequence."""
        self._known[label] = self._runs(sequence)

    def like(self, sequence: Sequence[str]) -> str:
        """Find the label of a sequence that is much like this one, or nothing."""
        runs = self._runs(sequence)
        for label, others in self._known.items():
            if len(runs & others) > self._share * min(len(runs), len(others)):
                return label
        return ""

    def _runs(self, sequence: Sequence[str]) -> set[tuple[str, ...]]:
        ends = range(self.LENGTH, len(sequence) + 1)
        return {tuple(sequence[end - self.LENGTH : end]) for end in ends}


def free_name(fragment: Fragment, taken: Collection[str]) -> str:
    """Name a fragment by its file, chain and first residue, unlike all others."""
    stem = fragment.source.split(".")[0]
    name = re.sub(r"\W", "-", f"{stem}_{fragment.chain}_{fragment.first}")
    names = (name, *(f"{name}-{number}" for number in range(2, len(taken) + 3)))
    return next(each for each in names if each not in taken)


def _ending(path: Path) -> str:
    name = path.name.lower().removesuffix(".gz")
    return Path(name).suffix


def _unbroken(
    chain: app.topology.Chain, positions: np.ndarray
) -> Iterator[list[app.topology.Residue]]:
    """Cut a chain wherever two amino acids are not joined."""
    run: list[app.topology.Residue] = []
    end = np.full(3, np.inf)
    for residue in chain.residues():
        atoms = {atom.name: atom.index for atom in residue.atoms()}
        is_amino = residue.name in RESIDUES and {"N", "CA", "C"} <= atoms.keys()
        is_joined = is_amino and bool(
            np.linalg.norm(positions[atoms["N"]] - end) <= LONGEST_BOND
        )
        if run and not is_joined:
            yield run
            run = []
        if is_amino:
            run.append(residue)
            end = positions[atoms["C"]]
    if run:
        yield run


def _fragment(
    source: str,
    chain: str,
    residues: Sequence[app.topology.Residue],
    positions: np.ndarray,
) -> Fragment:
    """Read the heavy atoms of residues, with standard names."""
    topology = app.Topology()
    new_chain = topology.addChain("A")
    kept = []
    for residue in residues:
        name = RESIDUES[residue.name]
        new = topology.addResidue(name, new_chain, residue.id, residue.insertionCode)
        done = set()
        for atom in residue.atoms():
            atom_name = ATOMS.get((name, atom.name), atom.name)
            atom_name = OXYGENS.get(atom_name, atom_name)
            is_heavy = atom.element not in (None, app.element.hydrogen)
            if is_heavy and atom_name is not None and atom_name not in done:
                is_selenium = atom.element is app.element.selenium
                element = app.element.sulfur if is_selenium else atom.element
                topology.addAtom(atom_name, element, new)
                done.add(atom_name)
                kept.append(atom.index)
    return Fragment(
        source=source,
        chain=chain,
        first=residues[0].id,
        last=residues[-1].id,
        sequence=tuple(residue.name for residue in topology.residues()),
        topology=topology,
        positions=positions[kept],
    )
