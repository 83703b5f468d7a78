"""The verb that makes trajectories: of a system by name, or of many molecules."""

import argparse
from typing import Any

from openmm_cgvae.cli.options import Arguments, add_verb, count, own_options, say

__all__ = ["add_simulate"]

SYSTEMS = ("alanine-dipeptide", "chignolin")
SAME_SEED = "same seed, same molecules (1)"


def add_simulate(verbs: Any) -> None:
    """Add the verb, with what can be simulated and the options of each."""
    text = "make trajectories with OpenMM, of one system or of many molecules"
    verb = add_verb(verbs, None, "simulate", text, goes_on=True)
    systems = verb.add_subparsers(
        required=True,
        metavar="SYSTEM",
        help=f"{', '.join(SYSTEMS)}, peptides, proteins",
    )
    for name in SYSTEMS:
        _add_system(systems, name)
    _add_peptides(systems)
    _add_proteins(systems)


def _add_system(systems: Any, name: str) -> None:
    text = f"make a reference trajectory of {name}"
    verb = add_verb(systems, _simulate, name, text, goes_on=True)
    verb.set_defaults(system=name)
    _add_output(verb)
    verb.add_argument("--n-frames", type=int, help="of all walkers")
    verb.add_argument("--interval-ps", type=float, help="time between frames [ps]")
    verb.add_argument(
        "--temperature",
        type=float,
        nargs="+",
        help="[K]; of several, each round of starts takes the next",
    )
    verb.add_argument("--n-walkers", type=int, help="independent walkers")
    verb.add_argument("--seed", type=int, default=0, help="seed of all random numbers")
    verb.add_argument("--platform", help="OpenMM platform; chosen by size by default")


def _add_peptides(systems: Any) -> None:
    text = "make frames of random peptides, to train a model for any protein on"
    verb = add_verb(systems, _simulate_peptides, "peptides", text, goes_on=True)
    _add_output(verb)
    verb.add_argument("--n-peptides", type=count, default=480, help="how many (480)")
    verb.add_argument("--seed", type=int, default=1, help=SAME_SEED)
    _add_dynamics(verb, "--frames-of-peptide", n_frames=30)


def _add_proteins(systems: Any) -> None:
    text = "make frames of fragments of known structures, to train a model on"
    verb = add_verb(systems, _simulate_proteins, "proteins", text, goes_on=True)
    verb.add_argument(
        "--structures",
        required=True,
        nargs="+",
        help="folders of PDB and mmCIF files (also .gz), or such files",
    )
    verb.add_argument(
        "--held-out",
        nargs="+",
        default=[],
        help="the same of proteins to test on; what is like them is left out",
    )
    _add_output(verb)
    verb.add_argument("--seed", type=int, default=1, help=SAME_SEED)
    _add_dynamics(verb, "--frames-of-fragment", n_frames=4)


def _add_output(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--output", required=True, help="folder; a run there goes on")


def _add_dynamics(verb: argparse.ArgumentParser, option: str, n_frames: int) -> None:
    verb.add_argument(
        option, type=count, default=n_frames, dest="n_frames", help=f"({n_frames})"
    )
    verb.add_argument("--equilibration-ps", type=float, help="time before them [ps]")
    verb.add_argument("--interval-ps", type=float, help="time between frames [ps]")
    verb.add_argument("--platform", default="CPU", help="OpenMM platform (CPU)")


def _simulate(arguments: Arguments) -> None:
    from openmm_cgvae.simulation.reference.trajectories import simulate

    result = simulate(**own_options(arguments))
    done = "was there already:" if result.was_complete else "wrote"
    say(f"{done} {result.topology} {result.trajectory} {result.provenance}")


def _simulate_peptides(arguments: Arguments) -> None:
    from openmm_cgvae.simulation.molecule_sets import simulate_peptides
    from openmm_cgvae.simulation.molecule_sets.peptide_sets import PEPTIDE_DYNAMICS

    say(simulate_peptides(**_with_dynamics(arguments, PEPTIDE_DYNAMICS)))


def _simulate_proteins(arguments: Arguments) -> None:
    from openmm_cgvae.simulation.molecule_sets import simulate_proteins
    from openmm_cgvae.simulation.molecule_sets.protein_sets import PROTEIN_DYNAMICS

    say(simulate_proteins(**_with_dynamics(arguments, PROTEIN_DYNAMICS)))


def _with_dynamics(arguments: Arguments, dynamics: Any) -> dict[str, Any]:
    """Put the options that say how long into one record."""
    from dataclasses import replace

    options = own_options(arguments)
    times = {name: options.pop(name) for name in ("equilibration_ps", "interval_ps")}
    given = {name: time for name, time in times.items() if time is not None}
    n_frames = options.pop("n_frames")
    return options | {"dynamics": replace(dynamics, n_frames=n_frames, **given)}
