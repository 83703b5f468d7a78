"""The verb ``map``: a trajectory coarse-grained, and its mapping shown."""

from typing import Any

from openmm_cgvae.cli.files import file_to_write
from openmm_cgvae.cli.options import (
    Arguments,
    add_input,
    add_mapping,
    add_verb,
    make_mapping,
    open_universe,
    say,
)

__all__ = ["add_map"]


def add_map(verbs: Any) -> None:
    """Add the verb and its options."""
    verb = add_verb(
        verbs, _map, "map", "coarse-grain a trajectory, and show the mapping"
    )
    add_input(verb)
    add_mapping(verb)
    files = {
        "--output": "beads, e.g. beads.xtc",
        "--output-topology": "first frame of the beads, e.g. a PDB",
        "--save-mapping": "JSON file for the mapping",
        "--picture": "drawing of the molecule with its beads, e.g. mapping.png or .svg",
    }
    for option, text in files.items():
        verb.add_argument(option, type=file_to_write, help=text)


def _map(arguments: Arguments) -> None:
    from openmm_cgvae.cli.bead_tables import bead_table
    from openmm_cgvae.structures.export import structure_writer
    from openmm_cgvae.transformations import coarse_grain

    atoms = open_universe(arguments)
    mapping = make_mapping(atoms, arguments.mapping)
    beads = coarse_grain(atoms, mapping)
    wanted = {
        "--output": (arguments.output, beads.trajectory),
        "--output-topology": (arguments.output_topology, beads.trajectory[:1]),
    }
    for option, (path, frames) in wanted.items():
        if path:
            opened = structure_writer(mapping.n_beads, path, len(frames), option)
            with opened as writer:
                for _ in frames:
                    writer.write(beads.atoms)
    if arguments.save_mapping:
        mapping.save(arguments.save_mapping)
    if arguments.picture:
        from openmm_cgvae.evaluation.figures import bead_map
        from openmm_cgvae.molecules import AtomTable

        bead_map(AtomTable.from_universe(atoms), mapping, path=arguments.picture)
    say(bead_table(atoms.atoms, mapping))
