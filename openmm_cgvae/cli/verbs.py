"""All verbs in the order of the help, and the one that runs the demo."""

from typing import Any

from openmm_cgvae.cli.benchmark import add_benchmark
from openmm_cgvae.cli.evaluate import add_evaluate
from openmm_cgvae.cli.info import add_info
from openmm_cgvae.cli.map import add_map
from openmm_cgvae.cli.options import Arguments, add_option, add_verb, given_for, say
from openmm_cgvae.cli.relax import add_relax
from openmm_cgvae.cli.report import add_report
from openmm_cgvae.cli.sample import add_sample
from openmm_cgvae.cli.simulate import add_simulate
from openmm_cgvae.cli.train import add_train

__all__ = ["VERBS"]

DEMO = "cli.demo.run_demo"


def _add_demo(verbs: Any) -> None:
    verb = add_verb(verbs, _demo, "demo", "see atoms come back from three beads")
    add_option(verb, "--output", DEMO, "folder", shown="demo_output")
    add_option(verb, "--seed", DEMO, "seed of the samples", shown=0, type=int)


def _demo(arguments: Arguments) -> None:
    from openmm_cgvae.cli.demo import run_demo

    say(run_demo(**given_for(arguments, DEMO)))


VERBS = (
    add_simulate,
    add_map,
    add_train,
    add_sample,
    add_relax,
    add_report,
    add_evaluate,
    add_info,
    _add_demo,
    add_benchmark,
)
