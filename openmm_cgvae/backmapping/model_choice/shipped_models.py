"""The shipped models as candidates: the molecule or the bead family of each."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from openmm_cgvae.backmapping.model_choice.bead_matching import (
    BeadName,
    bead_names_of_molecule,
)
from openmm_cgvae.mapping import Mapping
from openmm_cgvae.model import Model, TransferableModel
from openmm_cgvae.model.checkpoint import SUFFIX, read_header
from openmm_cgvae.model.pretrained import list_models, load_model, model_path
from openmm_cgvae.molecules import AtomTable

__all__ = ["ShippedModel", "shipped_models"]


@dataclass(frozen=True)
class ShippedModel:
    """What a shipped model is for, as the header of its file says.

    Parameters
    ----------
    name : str
        Its name, for `load_model`.
    family : str, optional
        Family of the beads of a model for many molecules; None for a model of one.
    bead_names : tuple of (str, str)
        Residue name and bead name of each bead of the one molecule.
    atom_names : tuple of str
        Names of its atoms.
    """

    name: str
    family: str | None = None
    bead_names: tuple[BeadName, ...] = ()
    atom_names: tuple[str, ...] = ()

    def load(self) -> Model | TransferableModel:
        """Read the model."""
        return load_model(self.name)

    def has_atoms(self, names: list[str]) -> bool:
        """Return whether these are the atoms of its molecule, once or repeated."""
        n_copies, rest = divmod(len(names), max(len(self.atom_names), 1))
        return n_copies > 0 and not rest and names == [*self.atom_names] * n_copies


def shipped_models() -> list[ShippedModel]:
    """Read what each model that ships with the package is for.

    Returns
    -------
    list of ShippedModel
        In the order of `list_models`.

    Examples
    --------
    >>> shipped = {each.name: each for each in shipped_models()}
    >>> shipped["alanine-dipeptide-3"].bead_names
    (('ACE', 'RES'), ('ALA', 'RES'), ('NME', 'RES'))
    >>> shipped["protein-martini3"].family
    'martini3'
    """
    return [_read_shipped(model_path(name)) for name in list_models()]


@lru_cache
def _read_shipped(path: Path) -> ShippedModel:
    name, header = path.name.removesuffix(SUFFIX), read_header(path)
    if "kinds" in header:
        return ShippedModel(name, family=header["kinds"]["beads"])
    table = AtomTable.from_dict(header["atom_table"])
    names = bead_names_of_molecule(table, Mapping.from_dict(header["mapping"]))
    return ShippedModel(name, bead_names=names, atom_names=tuple(table.names))
