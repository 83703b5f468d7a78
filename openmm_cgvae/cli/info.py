"""The verb ``info``: the header of a model file, or the list of shipped models."""

import json
from typing import Any

from openmm_cgvae.cli.options import (
    Arguments,
    add_verb,
    say,
)

__all__ = ["add_info"]


def add_info(verbs: Any) -> None:
    """Add the verb and its options."""
    verb = add_verb(
        verbs, _info, "info", "say what a model file is, or which there are"
    )
    verb.add_argument("model", nargs="?", help="name or file; none lists the shipped")


def _info(arguments: Arguments) -> None:
    from openmm_cgvae.backmapping.model_choice.bead_matching import (
        bead_names_of_molecule,
        spell,
    )
    from openmm_cgvae.mapping import Mapping
    from openmm_cgvae.model.checkpoint import read_header
    from openmm_cgvae.model.pretrained import list_models, model_path
    from openmm_cgvae.molecules import AtomTable

    if arguments.model is None:
        say("\n".join(list_models()))
        return
    header = read_header(model_path(arguments.model))
    table, mapping = header.pop("atom_table"), header.pop("mapping")
    if table is None:
        header["beads"] = header.pop("kinds")["beads"]
        header["atoms"] = "of any molecule of atom types in the vocabulary"
    else:
        atoms, beads = AtomTable.from_dict(table), Mapping.from_dict(mapping)
        header["beads"] = spell(bead_names_of_molecule(atoms, beads))
        residues = " ".join(table["residue_names"])
        header["atoms"] = f"{len(table['names'])} of {residues}"
    header["vocabulary"] = " ".join(header["vocabulary"])
    say(json.dumps(header, indent=1, ensure_ascii=False))
