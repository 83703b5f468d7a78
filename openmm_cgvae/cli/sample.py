"""The verb ``sample``: backmapping of beads to atoms, one frame or all."""

from typing import Any

from openmm_cgvae.cli.files import file_to_write
from openmm_cgvae.cli.options import (
    Arguments,
    add_input,
    add_model,
    add_old_flag,
    add_option,
    add_output,
    add_verb,
    given_for,
    go_to,
    open_universe,
    say,
)

__all__ = ["add_sample"]

BACKMAPPER = "backmapping.backmapper.Backmapper"
ALL, ONE = f"{BACKMAPPER}.run", f"{BACKMAPPER}.sample"


def add_sample(verbs: Any) -> None:
    """Add the verb and its options."""
    verb = add_verb(verbs, _sample, "sample", "make atoms from beads")
    add_input(verb)
    add_model(verb, BACKMAPPER)
    add_output(verb, "structures, e.g. atoms.pdb")
    add_option(verb, "--n", (ALL, ONE), "samples of a frame", shown=1, type=int)
    verb.add_argument("--seed", type=int, default=0, help="same seed, same atoms (0)")
    verb.add_argument(
        "--frame", type=int, help="one frame only; the whole trajectory by default"
    )
    add_option(
        verb,
        "--unknown",
        BACKMAPPER,
        "what to do with beads the model does not know",
        shown="raise",
        choices=("raise", "drop", "keep"),
    )
    temperature = add_option(
        verb,
        "--temperature",
        BACKMAPPER,
        "sampling temperature; 0: the most likely structure",
        shown=1.0,
        type=float,
    )
    add_old_flag(verb, "--spread", temperature)
    add_option(
        verb,
        "--on-fault",
        (ALL, ONE),
        "what to do about structures with faults",
        shown="warn",
        choices=("warn", "raise", "resample"),
    )
    verb.add_argument(
        "--report", type=file_to_write, help="JSON report on the samples of --frame"
    )


def _sample(arguments: Arguments) -> None:
    from openmm_cgvae.backmapping.backmapper import Backmapper

    universe = open_universe(arguments)
    backmapper = Backmapper(universe, **given_for(arguments, BACKMAPPER))
    for note in backmapper.notes:
        say(f"note: {note}")
    if arguments.frame is None and universe.trajectory.n_frames > 1:
        if arguments.report:
            raise ValueError("`--report` is about one frame; choose it with --frame")
        options = given_for(arguments, ALL)
        path = backmapper.run(output=arguments.output, seed=arguments.seed, **options)
        say(f"wrote {path}")
        if path.unusual_beads:
            say(
                f"{100 * path.unusual_beads:.1f} % of the distances and angles between "
                "neighbouring beads are such as crystals hardly ever have, in the "
                "frame that has most (0.1 % of theirs are)"
            )
        if path.n_faulty:
            first = path.faults[0]
            say(
                f"{path.n_faulty} structures have faults, the first in frame "
                f"{first.frame}, sample {first.sample}: {first.what}"
            )
        return
    go_to(universe, arguments.frame or 0)
    ensemble = backmapper.sample(seed=arguments.seed, **given_for(arguments, ONE))
    ensemble.write(arguments.output)
    report = ensemble.report()
    if arguments.report:
        report.to_json(arguments.report)
    say(report)
