"""The verb ``relax``: restrained energy minimisation of structures."""

from typing import Any

from openmm_cgvae.cli.options import (
    Arguments,
    add_input,
    add_mapping,
    add_option,
    add_output,
    add_verb,
    given_for,
    make_mapping,
    open_universe,
    say,
)

__all__ = ["add_relax"]

RELAX = "structures.ensemble.AtomisticEnsemble.relax"


def add_relax(verbs: Any) -> None:
    """Add the verb and its options."""
    verb = add_verb(verbs, _relax, "relax", "minimise structures with their beads held")
    add_input(verb)
    add_mapping(verb)
    add_output(verb, "structures, e.g. relaxed.pdb")
    add_option(
        verb,
        "--forcefield",
        RELAX,
        "OpenMM XML names; Amber99SB-ILDN with OBC",
        nargs="+",
    )
    add_option(verb, "--k", RELAX, "spring [kJ/mol/nm^2]", shown=1e6, type=float)
    add_option(
        verb,
        "--tolerance",
        RELAX,
        "force at the end [kJ/mol/nm]",
        shown=10.0,
        type=float,
    )
    add_option(verb, "--max-iterations", RELAX, "at most", shown=500, type=int)
    add_option(
        verb,
        "--recentre",
        RELAX,
        "put beads back exactly",
        shown=False,
        action="store_true",
    )
    add_option(verb, "--workers", RELAX, "processes", shown=1, type=int)


def _relax(arguments: Arguments) -> None:
    from openmm_cgvae.molecules import AtomTable
    from openmm_cgvae.molecules.frames import Frames
    from openmm_cgvae.structures.ensemble import AtomisticEnsemble
    from openmm_cgvae.structures.export import structure_writer

    atoms = open_universe(arguments)
    ensemble = AtomisticEnsemble(
        AtomTable.from_universe(atoms),
        Frames.from_universe(atoms).positions,
        mapping=make_mapping(atoms, arguments.mapping),
        box=atoms.dimensions,
    )
    # A file that cannot be written is noticed before the work.
    opened = structure_writer(
        len(atoms.atoms), arguments.output, len(ensemble), "--output"
    )
    with opened as writer:
        relaxation = ensemble.relax(**given_for(arguments, RELAX), progress=True)
        relaxed = relaxation.ensemble.to_universe()
        for _ in relaxed.trajectory:
            writer.write(relaxed.atoms)
    say(relaxation)
