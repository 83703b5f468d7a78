"""Named ways to make a Mapping from an atomistic universe.

Every scheme numbers its beads by their first atom, in the order of the atoms given.
"""

from collections.abc import Mapping as MappingABC
from pathlib import Path
from typing import Any

import MDAnalysis as mda
import numpy as np
from MDAnalysis.exceptions import NoDataError, SelectionError
from MDAnalysis.lib.distances import capped_distance, distance_array

from openmm_cgvae.mapping import Mapping

__all__ = [
    "alpha_carbon",
    "backbone_partition",
    "from_spec",
    "peptide_units",
    "residues",
    "selections",
]

# The atom that stands where a residue's alpha carbon would be, by residue name.
ALPHA_OF_CAP = {"ACE": ("CH3",), "NME": ("CH3", "C"), "NMA": ("CH3", "C")}
# Atoms along the backbone, in its direction; CH3 and C are also the caps' methyls.
BACKBONE_RANK = {"N": 0, "CA": 1, "CH3": 1, "C": 2, "O": 3}
ACYL_CAPS = {"ACE", "FOR"}
AMINE_CAPS = {"NME", "NMA", "NHE", "NH2"}
CARBONYL_NAMES = {"C", "O", "OXT", "OT1", "OT2", "OC1", "OC2", "O1", "O2"}
# Caps that CHARMM patches into the first and last residue.
PATCHED_CAP_NAMES = {"CAY", "CY", "NT", "CAT"}
PEPTIDE_BOND_CUTOFF = 2.0  # Angstrom, between 1.33 of the bond and 2.4 of C...CA


def residues(atoms: "mda.Universe | mda.AtomGroup", weights: Any = "mass") -> Mapping:
    """Make every residue one bead, named "RES".

    Parameters
    ----------
    atoms : MDAnalysis.Universe or AtomGroup
        The atomistic molecule.
    weights : "mass", "geometry" or array_like, shape (n_atoms,)
        Weights of the atoms in their beads.

    Returns
    -------
    Mapping
        One bead per residue.

    Raises
    ------
    ValueError
        If the group is empty, repeats an atom, or has no masses to weigh by.

    Examples
    --------
    >>> import MDAnalysis as mda
    >>> universe = mda.Universe.empty(3, 2, atom_resindex=[0, 0, 1])
    >>> residues(universe, weights="geometry").bead_of_atom.tolist()
    [0, 0, 1]
    """
    group = _checked_group(atoms)
    return _mapping(group, group.resindices, ["RES"] * len(group), weights)


def alpha_carbon(atoms: "mda.Universe | mda.AtomGroup") -> Mapping:
    """Make every residue one bead, named "CA", that sits on its alpha carbon.

    All atoms of the residue belong to the bead; only one has a weight. A cap has
    no alpha carbon: its methyl carbon, which is where the next one would be,
    takes its part in ACE and NME.

    Parameters
    ----------
    atoms : MDAnalysis.Universe or AtomGroup
        The atomistic protein.

    Returns
    -------
    Mapping
        One bead per residue.

    Raises
    ------
    ValueError
        If a residue has no alpha carbon, or more than one.

    Examples
    --------
    >>> import MDAnalysis as mda
    >>> universe = mda.Universe.empty(3, 1, atom_resindex=[0, 0, 0])
    >>> universe.add_TopologyAttr("names", ["N", "CA", "C"])
    >>> universe.add_TopologyAttr("resnames", ["GLY"])
    >>> alpha_carbon(universe).weights.tolist()
    [0.0, 1.0, 0.0]
    """
    group = _checked_group(atoms)
    is_alpha = np.array(
        [
            name in ALPHA_OF_CAP.get(resname, ("CA",))
            for name, resname in zip(group.names, group.resnames, strict=True)
        ]
    )
    found = np.bincount(
        group.resindices[is_alpha], minlength=group.resindices.max() + 1
    )
    for residue in group.residues:
        if found[residue.resindex] != 1:
            raise ValueError(
                f"`atoms` has {found[residue.resindex]} alpha carbons in residue "
                f"{_residue_label(residue)} but must have one; select residues of a "
                "protein, with one alternate location"
            )
    return _mapping(group, group.resindices, ["CA"] * len(group), is_alpha)


def selections(
    atoms: "mda.Universe | mda.AtomGroup",
    beads: MappingABC[str, str],
    weights: Any = "mass",
    *,
    per_residue: bool = True,
) -> Mapping:
    """Make beads by MDAnalysis selections, one of each in every residue.

    Parameters
    ----------
    atoms : MDAnalysis.Universe or AtomGroup
        The atomistic molecule.
    beads : mapping of str to str
        Selection by name of bead, such as ``{"BB": "name N CA C O", "SC": ...}``.
        Together they must take every atom once.
    weights : "mass", "geometry" or array_like, shape (n_atoms,)
        Weights of the atoms in their beads.
    per_residue : bool
        Whether a selection is split by residue; if not it is a single bead.

    Returns
    -------
    Mapping
        The beads, named by their selections.

    Raises
    ------
    ValueError
        If a selection cannot be read or is empty, two overlap, or atoms are left.

    Examples
    --------
    >>> import MDAnalysis as mda
    >>> universe = mda.Universe.empty(4, 2, atom_resindex=[0, 0, 1, 1])
    >>> universe.add_TopologyAttr("names", ["N", "CB", "N", "CB"])
    >>> beads = {"BB": "name N", "SC": "name CB"}
    >>> selections(universe, beads, "geometry").bead_names
    ('BB', 'SC', 'BB', 'SC')
    """
    group = _checked_group(atoms)
    kinds = np.full(len(group), -1)
    keys = list(beads)
    for number, key in enumerate(keys):
        is_taken = np.isin(group.indices, _selected(group, key, beads[key]).indices)
        overlap = np.flatnonzero(is_taken & (kinds >= 0))
        if len(overlap):
            raise ValueError(
                f"`beads` {keys[kinds[overlap[0]]]!r} and {key!r} both select "
                f"{_atom_label(group[overlap[0]])}; let every atom be in one of them"
            )
        kinds[is_taken] = number
    left = np.flatnonzero(kinds < 0)
    if len(left):
        raise ValueError(
            f"`beads` leave {len(left)} atoms without a bead, the first "
            f"{_atom_label(group[left[0]])}; select every atom, or give fewer atoms"
        )
    labels = kinds + len(keys) * group.resindices if per_residue else kinds
    return _mapping(group, labels, [keys[kind] for kind in kinds], weights)


def backbone_partition(
    atoms: "mda.Universe | mda.AtomGroup",
    n_beads: int,
    seed: int = 0,
    weights: Any = "geometry",
) -> Mapping:
    """Cut the backbone at random into beads and give side chains to the nearest.

    This is the backbone mapping of appendix F.2 of [1]_. The backbone are the
    atoms N, CA, C, O of each residue and the heavy atoms of the caps, in the order
    of the chain; every other atom goes to the segment whose centre of geometry is
    nearest in the current frame. Beads are named "P0", "P1", ...

    Parameters
    ----------
    atoms : MDAnalysis.Universe or AtomGroup
        One chain of a protein, whole (not broken by periodic boundaries).
    n_beads : int
        Number of segments.
    seed : int
        Seed of the cuts; the same seed gives the same mapping.
    weights : "geometry", "mass" or array_like, shape (n_atoms,)
        Weights of the atoms in their beads.

    Returns
    -------
    Mapping
        The segments with their side chains.

    Raises
    ------
    ValueError
        If there are fewer backbone atoms than beads, a residue has none, or the
        atoms are of several segments.

    References
    ----------
    .. [1] W. Wang *et al.*, "Generative coarse-graining of molecular
       conformations", *ICML* (2022), arXiv:2201.12176.

    Examples
    --------
    >>> import MDAnalysis as mda
    >>> universe = mda.Universe.empty(4, atom_resindex=[0] * 4, trajectory=True)
    >>> universe.add_TopologyAttr("names", ["N", "CA", "C", "O"])
    >>> universe.add_TopologyAttr("resnames", ["GLY"])
    >>> backbone_partition(universe, n_beads=2).n_beads
    2
    """
    group = _checked_group(atoms)
    chain = _backbone(group)
    if not 1 <= n_beads <= len(chain):
        raise ValueError(
            f"`n_beads` is {n_beads} but must be from 1 to {len(chain)}, the number "
            "of backbone atoms; ask for as many beads as that allows"
        )
    inner = np.arange(1, len(chain))
    cuts = np.random.default_rng(seed).choice(inner, size=n_beads - 1, replace=False)
    segments = np.split(chain, np.sort(cuts))
    positions = group.positions.astype(np.float64)
    centres = np.array([positions[segment].mean(axis=0) for segment in segments])
    segment_of_atom = np.argmin(distance_array(positions, centres), axis=1)
    for number, segment in enumerate(segments):
        segment_of_atom[segment] = number
    mapping = _mapping(group, segment_of_atom, ["P"] * len(group), weights)
    names = [f"P{bead}" for bead in range(n_beads)]
    return Mapping(mapping.bead_of_atom, mapping.weights, bead_names=names)


def peptide_units(
    atoms: "mda.Universe | mda.AtomGroup",
    *,
    split_planes: bool = False,
    weights: Any = "mass",
) -> Mapping:
    """Make beads of the rigid pieces of a peptide.

    By default a bead is a peptide plane, C=O with the N-H that follows ("PEP"), or
    an alpha carbon with its side chain ("CA"). With ``split_planes`` the planes
    fall into "CO" and "NH" and the side chain is a bead "SC" of its own. Methyls
    of caps are "CH3"; a C=O or N-H with no partner is "CO" or "NH".

    Parameters
    ----------
    atoms : MDAnalysis.Universe or AtomGroup
        Peptide of amino acids, possibly capped by residues ACE, FOR, NME, NMA,
        NHE or NH2. The positions of the current frame say which nitrogen follows
        a carbonyl and which atom a hydrogen is bound to.
    split_planes : bool
        Whether to split the planes and set the side chains apart.
    weights : "mass", "geometry" or array_like, shape (n_atoms,)
        Weights of the atoms in their beads.

    Returns
    -------
    Mapping
        The beads; one that spans two residues comes with its first.

    Raises
    ------
    ValueError
        If a residue is neither an amino acid nor one of those caps.

    Notes
    -----
    ACE-ALA-NME becomes 5 beads, or 8 with ``split_planes``. Glycine has no "SC".

    Examples
    --------
    >>> import MDAnalysis as mda
    >>> from openmm_cgvae.data import data_path
    >>> universe = mda.Universe(data_path("alanine-dipeptide.pdb"))
    >>> sorted(peptide_units(universe).bead_names)
    ['CA', 'CH3', 'CH3', 'PEP', 'PEP']
    """
    group = _checked_group(atoms)
    units = _units(group)
    if not split_planes:
        units[units == "SC"] = "CA"
    labels = np.char.add(units, group.resindices.astype(str))
    names = units.copy()
    if not split_planes:
        for carbon, nitrogen in _peptide_bonds(group):
            plane = np.isin(labels, labels[[carbon, nitrogen]])
            labels[plane] = labels[carbon]
            names[plane] = "PEP"
    return _mapping(group, labels, names.tolist(), weights)


def from_spec(atoms: "mda.Universe | mda.AtomGroup", text: str) -> Mapping:
    """Make a mapping by the name of a scheme, as on the command line.

    Parameters
    ----------
    atoms : MDAnalysis.Universe or AtomGroup
        The atomistic molecule.
    text : str
        "residues", "alpha-carbon", "peptide-units", "peptide-units:split",
        "backbone:N", "backbone:N:SEED", or the path of a ``.json`` mapping.

    Returns
    -------
    Mapping
        What the scheme makes with its default weights, or what the file holds.

    Raises
    ------
    ValueError
        If the text names no scheme, or the file is for other atoms.

    Examples
    --------
    >>> import MDAnalysis as mda
    >>> universe = mda.Universe.empty(2, atom_resindex=[0, 0])
    >>> universe.add_TopologyAttr("masses", [12.0, 1.0])
    >>> from_spec(universe, "residues")
    <Mapping of 2 atoms to 1 beads>
    """
    if text.endswith(".json"):
        mapping = Mapping.load(Path(text))
        n_atoms = len(_checked_group(atoms))
        if mapping.n_atoms != n_atoms:
            raise ValueError(
                f"`text` {text!r} maps {mapping.n_atoms} atoms but there are "
                f"{n_atoms}; give a mapping made for these atoms"
            )
        return mapping
    name, *numbers = text.split(":")
    if name == "backbone" and len(numbers) in (1, 2):
        if all(number.isdecimal() for number in numbers):
            return backbone_partition(atoms, *map(int, numbers))
    elif text in ("peptide-units", "peptide-units:split"):
        return peptide_units(atoms, split_planes=text.endswith(":split"))
    elif text == "residues":
        return residues(atoms)
    elif text == "alpha-carbon":
        return alpha_carbon(atoms)
    raise ValueError(
        f"`text` is {text!r} but must be residues, alpha-carbon, peptide-units, "
        "peptide-units:split, backbone:N, backbone:N:SEED or the path of a .json "
        "mapping; give one of these"
    )


def _checked_group(atoms: "mda.Universe | mda.AtomGroup") -> "mda.AtomGroup":
    """Return the atoms as a group that is not empty and has each atom once."""
    group = atoms.atoms
    if len(group) == 0:
        raise ValueError("`atoms` is empty; select one atom or more")
    if len(np.unique(group.indices)) != len(group):
        raise ValueError("`atoms` has an atom twice; take `atoms.unique`")
    return group


def _mapping(
    group: "mda.AtomGroup", labels: np.ndarray, names: list[str], weights: Any
) -> Mapping:
    """Make a bead of the atoms with the same label, beads by their first atom."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.argsort(order)
    masses = _masses(group) if isinstance(weights, str) and weights == "mass" else None
    bead_names = [names[atom] for atom in first[order]]
    return Mapping(rank[inverse], weights, bead_names=bead_names, masses=masses)


def _masses(group: "mda.AtomGroup") -> np.ndarray:
    try:
        return group.masses
    except NoDataError as error:
        raise ValueError(
            "`atoms` has no masses; add them with "
            'universe.guess_TopologyAttrs(to_guess=["masses"]) or use '
            'weights="geometry"'
        ) from error


def _selected(group: "mda.AtomGroup", key: str, selection: str) -> "mda.AtomGroup":
    """Return the atoms of one selection, which must not be empty."""
    try:
        selected = group.select_atoms(selection)
    except SelectionError as error:
        raise ValueError(
            f"`beads` {key!r} is not a selection MDAnalysis understands ({error}); "
            "correct it"
        ) from error
    if len(selected) == 0:
        raise ValueError(
            f"`beads` {key!r} selects no atom ({selection!r}); correct it or leave "
            "it out"
        )
    return selected


def _backbone(group: "mda.AtomGroup") -> np.ndarray:
    """Return the backbone atoms of one chain in the order of the chain."""
    if len(np.unique(group.segindices)) > 1:
        raise ValueError(
            "`atoms` are of several segments but a backbone is one chain; give one "
            "segment at a time"
        )
    ranks = np.array([BACKBONE_RANK.get(name, -1) for name in group.names])
    backbone = np.flatnonzero(ranks >= 0)
    without = np.setdiff1d(group.resindices, group.resindices[backbone])
    if len(without):
        residue = group.universe.residues[without[0]]
        raise ValueError(
            f"`atoms` has no backbone in residue {_residue_label(residue)}; select "
            "residues of a protein"
        )
    keys = (ranks[backbone], group.resindices[backbone])
    return backbone[np.lexsort(keys)]


def _units(group: "mda.AtomGroup") -> np.ndarray:
    """Return for each atom "CO", "NH", "CA", "SC" or "CH3": its piece of a residue."""
    is_hydrogen = _is_hydrogen(group)
    units = np.empty(len(group), dtype="<U3")
    for residue in group.residues:
        inside = np.flatnonzero(group.resindices == residue.resindex)
        heavy, hydrogens = inside[~is_hydrogen[inside]], inside[is_hydrogen[inside]]
        units[heavy] = _heavy_units(group[heavy].names.tolist(), residue)
        distances = distance_array(
            group[hydrogens].positions, group[heavy].positions, box=group.dimensions
        )
        units[hydrogens] = units[heavy][np.argmin(distances, axis=1)]
    return units


def _heavy_units(names: list[str], residue: "mda.core.groups.Residue") -> list[str]:
    """Return the pieces that the heavy atoms of one residue belong to."""
    if {"N", "CA", "C"} <= set(names) and PATCHED_CAP_NAMES.isdisjoint(names):
        pieces = {"N": "NH", "CA": "CA"} | dict.fromkeys(CARBONYL_NAMES, "CO")
        return [pieces.get(name, "SC") for name in names]
    if residue.resname in ACYL_CAPS and {"C", "O"} <= set(names):
        return ["CO" if name in ("C", "O") else "CH3" for name in names]
    if residue.resname in AMINE_CAPS and "N" in names:
        return ["NH" if name == "N" else "CH3" for name in names]
    raise ValueError(
        f"`atoms` has residue {_residue_label(residue)} with atoms {' '.join(names)}, "
        "which is neither an amino acid nor a cap in a residue of its own; leave it "
        "out, or use schemes.selections"
    )


def _peptide_bonds(group: "mda.AtomGroup") -> np.ndarray:
    """Return pairs (C, N) near enough to be bonded, int [n_bonds, 2]."""
    is_cap = np.isin(group.resnames, list(AMINE_CAPS))
    carbons = np.flatnonzero((group.names == "C") & ~is_cap)
    nitrogens = np.flatnonzero(group.names == "N")
    pairs = capped_distance(
        group.positions[carbons],
        group.positions[nitrogens],
        max_cutoff=PEPTIDE_BOND_CUTOFF,
        box=group.dimensions,
        return_distances=False,
    )
    return np.column_stack([carbons[pairs[:, 0]], nitrogens[pairs[:, 1]]])


def _is_hydrogen(group: "mda.AtomGroup") -> np.ndarray:
    """Tell hydrogens by element, or by name where elements are missing."""
    try:
        symbols = [symbol.strip().upper() for symbol in group.elements]
    except NoDataError:
        symbols = [""]
    if all(symbols):
        return np.array([symbol in ("H", "D") for symbol in symbols])
    # Safe in a peptide, where no heavy atom has a name that begins with H.
    return np.array([name.lstrip("0123456789")[:1] == "H" for name in group.names])


def _residue_label(residue: "mda.core.groups.Residue") -> str:
    return f"{residue.resname} {residue.resid}"


def _atom_label(atom: "mda.core.groups.Atom") -> str:
    name = getattr(atom, "name", "")
    return f"atom {atom.index} {name} of residue {atom.resid}".replace("  ", " ")
