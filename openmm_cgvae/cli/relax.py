"""The verb ``relax``: restrained energy minimisation of structures."""

from typing import Any

from openmm_cgvae.cli.options import (
    Arguments,
    add_input,
    add_mapping,
    add_output,
    add_verb,
    make_mapping,
    open_universe,
    say,
)

__all__ = ["add_relax"]


def add_relax(verbs: Any) -> None:
    """Add the verb and its options."""
    verb = add_verb(verbs, _relax, "relax", "minimise structures with their beads held")
    add_input(verb)
    add_mapping(verb)
    add_output(verb, "structures, e.g. relaxed.pdb")
    verb.add_argument(
        "--forcefield", nargs="+", help="OpenMM XML names; Amber99SB-ILDN with OBC"
    )
    verb.add_argument("--k", type=float, default=5e5, help="spring [kJ/mol/nm^2]")
    verb.add_argument(
        "--tolerance", type=float, default=10.0, help="force at the end [kJ/mol/nm]"
    )
    verb.add_argument("--max-iterations", type=int, default=500, help="at most (500)")
    verb.add_argument("--recentre", action="store_true", help="put beads back exactly")
    verb.add_argument("--workers", type=int, default=1, help="processes (1)")


def _relax(arguments: Arguments) -> None:
    from openmm_cgvae.molecules import AtomTable
    from openmm_cgvae.molecules.frames import Frames
    from openmm_cgvae.structures.ensemble import AtomisticEnsemble
    from openmm_cgvae.structures.export.universes import structure_writer

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
        relaxation = ensemble.relax(
            arguments.forcefield,
            k=arguments.k,
            tolerance=arguments.tolerance,
            max_iterations=arguments.max_iterations,
            recentre=arguments.recentre,
            workers=arguments.workers,
            progress=True,
        )
        relaxed = relaxation.ensemble.to_universe()
        for _ in relaxed.trajectory:
            writer.write(relaxed.atoms)
    say(relaxation)
