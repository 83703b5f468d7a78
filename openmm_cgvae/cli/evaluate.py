"""The verb ``evaluate``: metrics of a model on held-out blocks of time."""

from typing import Any

from openmm_cgvae.cli.options import (
    Arguments,
    add_input,
    add_verb,
    file_to_write,
    open_universe,
    say,
)

__all__ = ["add_evaluate"]


def add_evaluate(verbs: Any) -> None:
    """Add the verb and its options."""
    verb = add_verb(verbs, _evaluate, "evaluate", "measure a model on held-out time")
    add_input(verb)
    verb.add_argument("--model", required=True, help="name or file")
    verb.add_argument("--n-frames", type=int, default=1000, help="held out (1000)")
    verb.add_argument("--n-samples", type=int, default=32, help="of a frame (32)")
    verb.add_argument(
        "--n-relaxed", type=int, default=0, help="samples to relax as well (0)"
    )
    verb.add_argument("--seed", type=int, default=0, help="seed of the samples (0)")
    verb.add_argument("--output", type=file_to_write, help="JSON for the numbers")


def _evaluate(arguments: Arguments) -> None:
    from openmm_cgvae.evaluation.evaluation import evaluate
    from openmm_cgvae.model import require_molecule
    from openmm_cgvae.model.pretrained import load_model
    from openmm_cgvae.molecules.frames import Frames

    result = evaluate(
        require_molecule(load_model(arguments.model)),
        Frames.from_universe(open_universe(arguments)),
        n_frames=arguments.n_frames,
        n_samples=arguments.n_samples,
        n_relaxed=arguments.n_relaxed,
        seed=arguments.seed,
    )
    if arguments.output:
        result.to_json(arguments.output)
    say(result)
