"""The verb ``sample``: backmapping of beads to atoms, one frame or all."""

import argparse
from typing import Any

from openmm_cgvae.cli.options import (
    Arguments,
    add_input,
    add_output,
    add_verb,
    file_to_write,
    go_to,
    open_universe,
    say,
)

__all__ = ["add_sample"]


def add_sample(verbs: Any) -> None:
    """Add the verb and its options."""
    verb = add_verb(verbs, _sample, "sample", "make atoms from beads")
    add_input(verb)
    verb.add_argument("--model", help="name or file; found by the beads by default")
    add_output(verb, "structures, e.g. atoms.pdb")
    verb.add_argument("--n", type=int, default=1, help="samples of a frame (1)")
    verb.add_argument("--seed", type=int, default=0, help="same seed, same atoms (0)")
    verb.add_argument(
        "--frame", type=int, help="one frame only; the whole trajectory by default"
    )
    verb.add_argument(
        "--unknown",
        choices=("raise", "drop", "keep"),
        default="raise",
        help="what to do with beads the model does not know (raise)",
    )
    verb.add_argument(
        "--temperature",
        type=float,
        default=1.0,
        help="sampling temperature; 0: the most likely structure (1)",
    )
    verb.add_argument("--spread", type=float, help=argparse.SUPPRESS)
    verb.add_argument(
        "--report", type=file_to_write, help="JSON report on the samples of --frame"
    )


def _sample(arguments: Arguments) -> None:
    from openmm_cgvae.backmapping.backmapper import Backmapper

    universe = open_universe(arguments)
    backmapper = Backmapper(
        universe,
        arguments.model,
        unknown=arguments.unknown,
        temperature=arguments.temperature,
        spread=arguments.spread,
    )
    for note in backmapper.notes:
        say(f"note: {note}")
    if arguments.frame is None and universe.trajectory.n_frames > 1:
        if arguments.report:
            raise ValueError("`--report` is about one frame; choose it with --frame")
        path = backmapper.run(
            n=arguments.n, output=arguments.output, seed=arguments.seed
        )
        say(f"wrote {path}")
        return
    go_to(universe, arguments.frame or 0)
    ensemble = backmapper.sample(n=arguments.n, seed=arguments.seed)
    ensemble.write(arguments.output)
    report = ensemble.report()
    if arguments.report:
        report.to_json(arguments.report)
    say(report)
