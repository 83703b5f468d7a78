"""The verb that runs the paper's experiments."""

import argparse
import shlex
import sys
from typing import Any

from openmm_cgvae.cli.options import (
    Arguments,
    add_compile,
    add_fields,
    add_verb,
    count,
    given_fields,
)

__all__ = ["add_benchmark", "add_benchmark_settings", "as_typed"]

# Fields of the config records that the benchmark sets itself.
ITS_OWN = ("model", "pseudoscalar_init", "n_folds", "fold", "seed")


def add_benchmark(verbs: Any) -> None:
    """Add the verb and its options, but for those of the config records."""
    verb = add_verb(
        verbs,
        _benchmark,
        "benchmark",
        "run the paper's experiments and compare with its numbers",
        goes_on=True,
    )
    verb.add_argument("system", help="alanine-dipeptide or chignolin")
    verb.add_argument(
        "--output", required=True, help="folder; a benchmark there goes on"
    )
    verb.add_argument(
        "--beads", type=count, nargs="+", default=[], help="those of the paper"
    )
    verb.add_argument(
        "--mapping",
        nargs="+",
        default=["default"],
        help="default, backbone (random cuts) and autograin (learned), both anew in "
        "every fold, joined-residues, or one for all as in the verb map; two of them "
        "make Fig. 8",
    )
    verb.add_argument(
        "--model",
        nargs="+",
        default=["cgvae"],
        help="cgvae (default), published (the printed recipe, in small), auto-encoder "
        "(for RMSD_recon as printed), linear, mlp",
    )
    verb.add_argument(
        "--split",
        nargs="+",
        default=["block"],
        help="block: blocks of time are held out (default); random: frames, as printed",
    )
    verb.add_argument(
        "--pseudoscalar-init",
        type=float,
        nargs="+",
        default=[],
        help="0 1 makes Fig. 11, with --beads 3 --decoder vectors",
    )
    verb.add_argument("--folds", type=count, default=5, help="how many of the five (5)")
    verb.add_argument("--preset", default="fast", help="fast (default) or paper")
    verb.add_argument("--n-frames", type=count, help="of the trajectory, at most")
    verb.add_argument(
        "--n-test-frames", type=count, default=1000, help="held out, at most (1000)"
    )
    verb.add_argument("--n-samples", type=count, default=32, help="of a frame (32)")
    verb.add_argument(
        "--n-relaxed", type=int, default=20, help="samples to relax as well (20)"
    )
    verb.add_argument("--seed", type=int, default=0, help="seed of everything (0)")
    verb.add_argument("--topology", default="", help="instead of the shipped one")
    verb.add_argument("--trajectory", default="", help="instead of the shipped one")
    verb.add_argument(
        "--quick", action="store_true", help="tiny sizes, to see that it runs"
    )
    add_compile(verb)
    verb.add_argument("--no-figures", action="store_true", help="tables alone")


def add_benchmark_settings(benchmark: argparse.ArgumentParser) -> None:
    """Add the fields of the config records to the options of ``benchmark``."""
    from openmm_cgvae.model.config import ModelConfig
    from openmm_cgvae.training import TrainingConfig

    network = benchmark.add_argument_group("network of the CGVAE, if not the preset's")
    add_fields(network, ModelConfig, ITS_OWN)
    training = benchmark.add_argument_group("training, if not the preset's")
    add_fields(training, TrainingConfig, ITS_OWN)


def _benchmark(arguments: Arguments) -> None:
    from openmm_cgvae.evaluation.experiments import BenchmarkConfig, run_benchmark
    from openmm_cgvae.model.config import ModelConfig
    from openmm_cgvae.training import TrainingConfig

    config = BenchmarkConfig(
        system=arguments.system,
        n_beads=tuple(arguments.beads),
        mappings=tuple(arguments.mapping),
        models=tuple(arguments.model),
        splits=tuple(arguments.split),
        pseudoscalar_inits=tuple(arguments.pseudoscalar_init),
        folds=arguments.folds,
        preset=arguments.preset,
        model_options=given_fields(arguments, ModelConfig, ITS_OWN),
        training_options=given_fields(arguments, TrainingConfig, ITS_OWN),
        n_frames=arguments.n_frames,
        n_test_frames=arguments.n_test_frames,
        n_samples=arguments.n_samples,
        n_relaxed=arguments.n_relaxed,
        seed=arguments.seed,
        topology=arguments.topology,
        trajectory=arguments.trajectory,
    )
    result = run_benchmark(
        config.quick() if arguments.quick else config,
        arguments.output,
        command=arguments.command,
        draws=not arguments.no_figures,
        compiles=arguments.compiles,
    )
    sys.stdout.write(f"{result}\n")


def as_typed(words: list[str]) -> str:
    """Give the command line as it can be typed again.

    Parameters
    ----------
    words : list of str
        Its words.

    Returns
    -------
    str
        The line.

    Examples
    --------
    >>> as_typed(["benchmark", "chignolin", "--output", "my folder"])
    "openmm-cgvae benchmark chignolin --output 'my folder'"
    """
    return shlex.join(["openmm-cgvae", *words])
