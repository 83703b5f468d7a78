"""How the type of an atom is spelt in the vocabulary of a model."""

from openmm_cgvae.molecules import AtomTable

__all__ = ["atom_types_of"]


def atom_types_of(atom_table: AtomTable, kind: str) -> list[str]:
    """Return the type of every atom, spelt as in a vocabulary.

    Parameters
    ----------
    atom_table : AtomTable
        The atoms.
    kind : {"element", "identity"}
        ``"element"`` is the paper's: the atomic number. ``"identity"`` is residue
        and atom name, which tells the hydrogens of a methyl apart.

    Returns
    -------
    list of str
        One word per atom, e.g. ``"6"`` or ``"ALA:CA"``.
    """
    if kind == "element":
        return [str(number) for number in atom_table.atomic_numbers]
    return [
        f"{atom_table.residue_names[residue]}:{name}"
        for name, residue in zip(
            atom_table.names, atom_table.residue_of_atom, strict=True
        )
    ]
