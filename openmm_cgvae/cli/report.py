"""The verb ``report``: atoms of one frame of beads, checked, relaxed and shown."""

from typing import Any

from openmm_cgvae.cli.files import file_to_write, read_universe
from openmm_cgvae.cli.options import (
    Arguments,
    add_model,
    add_option,
    add_verb,
    count,
    given_for,
    go_to,
    say,
)

__all__ = ["add_report"]

BACKMAPPER = "backmapping.backmapper.Backmapper"
RELAX = "structures.ensemble.AtomisticEnsemble.relax"


def add_report(verbs: Any) -> None:
    """Add the verb ``report``."""
    verb = add_verb(
        verbs, _report, "report", "make atoms from one frame, relax them, and look"
    )
    verb.add_argument("beads", metavar="FILE", help="beads, e.g. a PDB file")
    verb.add_argument("--trajectory", nargs="+", default=[], help="e.g. XTC files")
    add_model(verb, BACKMAPPER)
    verb.add_argument("--frame", type=int, default=0, help="counted from 0 (0)")
    verb.add_argument("--n", type=count, default=10, help="samples (10)")
    verb.add_argument("--seed", type=int, default=0, help="same seed, same atoms (0)")
    add_option(
        verb,
        "--forcefield",
        RELAX,
        "OpenMM XML names; Amber99SB-ILDN with OBC",
        nargs="+",
    )
    verb.add_argument(
        "--html", type=file_to_write, help="a page with structures in 3D, e.g. it.html"
    )


def _report(arguments: Arguments) -> None:
    from openmm_cgvae.backmapping.backmapper import Backmapper

    universe = read_universe(arguments.beads, arguments.trajectory)
    backmapper = Backmapper(universe, **given_for(arguments, BACKMAPPER))
    for note in backmapper.notes:
        say(f"note: {note}")
    go_to(universe, arguments.frame)
    ensemble = backmapper.sample(n=arguments.n, seed=arguments.seed)
    relaxation = ensemble.relax(**given_for(arguments, RELAX))
    if arguments.html:
        from openmm_cgvae.evaluation.html_report import write_page

        write_page(ensemble, arguments.html, relaxation)
    say(f"{ensemble.report()}\n\n{relaxation}")
