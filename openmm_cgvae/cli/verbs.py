"""All verbs in the order of the help, and the one that runs the demo."""

from typing import Any

from openmm_cgvae.cli.benchmark import add_benchmark
from openmm_cgvae.cli.evaluate import add_evaluate
from openmm_cgvae.cli.info import add_info
from openmm_cgvae.cli.map import add_map
from openmm_cgvae.cli.options import Arguments, add_verb, own_options, say
from openmm_cgvae.cli.relax import add_relax
from openmm_cgvae.cli.report import add_report
from openmm_cgvae.cli.sample import add_sample
from openmm_cgvae.cli.simulate import add_simulate
from openmm_cgvae.cli.train import add_train

__all__ = ["VERBS"]


def _add_demo(verbs: Any) -> None:
    verb = add_verb(verbs, _demo, "demo", "see atoms come back from three beads")
    verb.add_argument("--output", default="demo_output", help="folder (demo_output)")
    verb.add_argument("--seed", type=int, default=0, help="seed of the samples (0)")


def _demo(arguments: Arguments) -> None:
    from openmm_cgvae.cli.demo import run_demo

    say(run_demo(**own_options(arguments)))


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
