"""The verb ``evaluate``: metrics of a model on held-out blocks of time."""

from typing import Any

from openmm_cgvae.cli.files import file_to_write
from openmm_cgvae.cli.options import (
    Arguments,
    add_input,
    add_option,
    add_verb,
    given_for,
    open_universe,
    say,
)

__all__ = ["add_evaluate"]

EVALUATE = "evaluation.evaluation.evaluate"


def add_evaluate(verbs: Any) -> None:
    """Add the verb and its options."""
    verb = add_verb(verbs, _evaluate, "evaluate", "measure a model on held-out time")
    add_input(verb)
    verb.add_argument("--model", required=True, help="name or file")
    for flag, text, shown in (
        ("--n-frames", "held out", 1000),
        ("--n-samples", "of a frame", 32),
        ("--n-relaxed", "samples to relax as well", 0),
        ("--seed", "seed of the samples", 0),
    ):
        add_option(verb, flag, EVALUATE, text, shown=shown, type=int, metavar="N")
    verb.add_argument("--output", type=file_to_write, help="JSON for the numbers")


def _evaluate(arguments: Arguments) -> None:
    from openmm_cgvae.evaluation.evaluation import evaluate
    from openmm_cgvae.model import require_molecule
    from openmm_cgvae.model.pretrained import load_model
    from openmm_cgvae.molecules.frames import Frames

    result = evaluate(
        require_molecule(load_model(arguments.model)),
        Frames.from_universe(open_universe(arguments)),
        **given_for(arguments, EVALUATE),
    )
    if arguments.output:
        result.to_json(arguments.output)
    say(result)
