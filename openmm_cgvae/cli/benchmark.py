"""The verb ``benchmark``: the paper's experiments, its tables and figures."""

import argparse
import shlex
from typing import Any

from openmm_cgvae.cli.options import (
    Arguments,
    add_compile,
    add_option,
    add_verb,
    given_for,
    say,
)
from openmm_cgvae.cli.record_options import add_fields, given_fields

__all__ = ["add_benchmark", "add_benchmark_settings", "as_typed"]

# Fields of the config records that the benchmark sets itself.
ITS_OWN = ("model", "pseudoscalar_init", "n_folds", "fold", "seed")
NO_OPTIONS = ("system", "model_options", "training_options")
# Names of options for several values.
FLAGS = {
    "n_beads": "--beads",
    "mappings": "--mapping",
    "models": "--model",
    "splits": "--split",
    "pseudoscalar_inits": "--pseudoscalar-init",
}
CONFIG = "evaluation.experiments.plan.BenchmarkConfig"
RUN = "evaluation.experiments.benchmark_run.run_benchmark"


def add_benchmark(verbs: Any) -> None:
    """Add the verb and its options, but for those of the config records."""
    verb = add_verb(
        verbs,
        _benchmark,
        "benchmark",
        "run the paper's experiments and compare with its numbers",
        goes_on=True,
    )
    add_option(verb, "system", CONFIG, "alanine-dipeptide or chignolin")
    verb.add_argument(
        "--output", required=True, help="folder; a benchmark there goes on"
    )
    verb.add_argument(
        "--quick", action="store_true", help="tiny sizes, to see that it runs"
    )
    add_compile(verb, RUN)
    add_option(
        verb, "--no-figures", RUN, "tables alone", dest="draws", action="store_false"
    )


def add_benchmark_settings(benchmark: argparse.ArgumentParser) -> None:
    """Add the fields of the config records to the options of ``benchmark``."""
    from openmm_cgvae.evaluation.experiments import BenchmarkConfig
    from openmm_cgvae.model import ModelConfig
    from openmm_cgvae.training import TrainingConfig

    add_fields(benchmark, BenchmarkConfig, without=NO_OPTIONS, flags=FLAGS)
    add_fields(benchmark, ModelConfig, "network of the CGVAE", without=ITS_OWN)
    add_fields(benchmark, TrainingConfig, "training", without=ITS_OWN)


def _benchmark(arguments: Arguments) -> None:
    from openmm_cgvae.evaluation.experiments import BenchmarkConfig, run_benchmark
    from openmm_cgvae.model import ModelConfig
    from openmm_cgvae.training import TrainingConfig

    config = BenchmarkConfig(
        **given_fields(arguments, BenchmarkConfig),
        model_options=given_fields(arguments, ModelConfig),
        training_options=given_fields(arguments, TrainingConfig),
    )
    result = run_benchmark(
        config.quick() if arguments.quick else config,
        arguments.output,
        command=arguments.command,
        **given_for(arguments, RUN),
    )
    say(result)


def as_typed(words: list[str]) -> str:
    """Return the command line as it can be typed again.

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
