"""The models that ship with the package, and which of them fits a universe."""

import os
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import MDAnalysis as mda

from openmm_cgvae.backmapping.model_choice.bead_matching import (
    BeadName,
    bead_names_of,
    find_molecules,
    spell,
)
from openmm_cgvae.mapping import Mapping
from openmm_cgvae.model.checkpoint import SUFFIX, load_file, read_header

if TYPE_CHECKING:
    from openmm_cgvae.model import Model

FOLDER = Path(__file__).parent


def list_models() -> list[str]:
    """Name the models that ship with the package.

    Returns
    -------
    list of str
        Names for `load_model`.

    Examples
    --------
    >>> "alanine-dipeptide-3" in list_models()
    True
    """
    return sorted(path.name.removesuffix(SUFFIX) for path in FOLDER.glob("*" + SUFFIX))


def load_model(name_or_path: str | os.PathLike[str]) -> "Model":
    """Read a model that ships with the package, or one from a file.

    Nothing in the file is executed.

    Parameters
    ----------
    name_or_path : str or path-like
        A name from `list_models`, or the path of a model file.

    Returns
    -------
    Model
        The model, in evaluation mode.

    Raises
    ------
    FileNotFoundError
        If there is neither such a model nor such a file.
    ValueError
        If the file is damaged, not a model, or from a newer version.

    Examples
    --------
    >>> load_model("alanine-dipeptide-3").mapping.n_beads
    3
    """
    return load_file(model_path(name_or_path))


def model_path(name_or_path: str | os.PathLike[str]) -> Path:
    """Find the file of a model by its name or path.

    Parameters
    ----------
    name_or_path : str or path-like
        A name from `list_models`, or the path of a model file.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    FileNotFoundError
        If there is none.
    """
    shipped = FOLDER / f"{os.fspath(name_or_path)}{SUFFIX}"
    if os.fspath(name_or_path) in list_models():
        return shipped
    path = Path(name_or_path)
    if not path.is_file():
        raise FileNotFoundError(
            f"`name_or_path` is {os.fspath(name_or_path)!r}, which is neither a file "
            f"nor a model of the package; those are {', '.join(list_models())}"
        )
    return path


def find_model(
    universe: "mda.Universe | mda.AtomGroup", *, allows_others: bool = False
) -> "Model":
    """Find the one shipped model whose molecules a universe is made of.

    Parameters
    ----------
    universe : MDAnalysis.Universe or AtomGroup
        Coarse-grained beads, with names and residue names, of one molecule or more.
    allows_others : bool
        Whether there may be beads that are not of the model's molecules.

    Returns
    -------
    Model
        The model.

    Raises
    ------
    LookupError
        If no shipped model fits, or several do.
    """
    beads = universe.atoms
    every = {name: _header_of(model_path(name)) for name in list_models()}
    headers = {name: each for name, each in every.items() if "kinds" not in each}
    wanted = {name: bead_names_of_model(header) for name, header in headers.items()}
    found = {name: find_molecules(beads, names) for name, names in wanted.items()}
    there = {name: each for name, each in found.items() if each.n_molecules}
    fitting = [
        name for name, each in there.items() if allows_others or not len(each.others)
    ]
    if len(fitting) == 1:
        return load_model(fitting[0])
    if fitting:
        raise LookupError(
            f"`universe` has the beads of several models, {', '.join(fitting)}; "
            "choose one with model="
        )
    given = bead_names_of(beads)
    atomistic = [
        name
        for name, header in headers.items()
        if _is_repeated([atom for _, atom in given], header["atom_table"]["names"])
    ]
    if atomistic:
        raise LookupError(
            f"`universe` has the {len(given)} atoms that {', '.join(atomistic)} make, "
            "but beads are wanted; use coarse_grain(universe, model.mapping)"
        )
    if there:
        name, each = next(iter(there.items()))
        raise LookupError(
            f"`universe` has {each.n_molecules} molecules of {name} and other beads, "
            f"{spell(bead_names_of(each.others))}; select the molecules, or give "
            "unknown='drop' to leave out the rest or 'keep' to have it beside them"
        )
    known = "; ".join(f"{name}: {spell(names)}" for name, names in wanted.items())
    raise LookupError(
        f"`universe` has {spell(given)}, which no shipped model has ({known}"
        "); give model= or train one with openmm_cgvae.train"
    )


def find_model_of_family(family: str) -> "Model":
    """Find the shipped model for all molecules with beads of a family.

    Parameters
    ----------
    family : str
        Family of the beads, such as ``"alpha-carbon"``.

    Returns
    -------
    Model
        The model; `CGVAE.for_molecule` makes it ready for one of them.

    Raises
    ------
    LookupError
        If none is for such beads.
    """
    families = {
        header["kinds"]["beads"]: name
        for name in list_models()
        if "kinds" in (header := _header_of(model_path(name)))
    }
    if family not in families:
        raise LookupError(
            f"`universe` has a protein of {family} beads, for which no model ships "
            f"with the package (only for {', '.join(families) or 'none'}); give "
            "model=, or train one with openmm_cgvae.training.train_many"
        )
    return load_model(families[family])


def bead_names_of_model(header: dict[str, Any]) -> tuple[BeadName, ...]:
    """Give the residue name and bead name of every bead of a model.

    Parameters
    ----------
    header : dict
        What `checkpoint.read_header` gives.

    Returns
    -------
    tuple of (str, str)
        Residue and bead names; a bead is in the residue of its first atom.
    """
    table, mapping = header["atom_table"], Mapping.from_dict(header["mapping"])
    first = [mapping.atoms_of_bead(bead)[0] for bead in range(mapping.n_beads)]
    residues = [table["residue_names"][table["residue_of_atom"][a]] for a in first]
    return tuple(zip(residues, mapping.bead_names, strict=True))


def _is_repeated(names: list[str], wanted: list[str]) -> bool:
    n_copies, rest = divmod(len(names), len(wanted))
    return not rest and n_copies > 0 and names == wanted * n_copies


@lru_cache
def _header_of(path: Path) -> dict[str, Any]:
    return read_header(path)
