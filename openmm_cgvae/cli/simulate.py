"""The verb ``simulate``: trajectories of a system by name, or of many molecules."""

import argparse
from typing import Any

from openmm_cgvae.cli.options import (
    Arguments,
    add_option,
    add_verb,
    count,
    given_for,
    say,
)
from openmm_cgvae.data import SYSTEMS

__all__ = ["add_simulate"]

SAME_SEED = "same seed, same molecules"
SIMULATE = "simulation.reference.trajectories.simulate"
PEPTIDES = "simulation.molecule_sets.peptide_sets.simulate_peptides"
PROTEINS = "simulation.molecule_sets.protein_sets.simulate_proteins"
PEPTIDE_DYNAMICS = "simulation.molecule_sets.peptide_sets.PEPTIDE_DYNAMICS"
PROTEIN_DYNAMICS = "simulation.molecule_sets.protein_sets.PROTEIN_DYNAMICS"


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
    add_option(verb, "--n-frames", SIMULATE, "of all walkers", type=int)
    _add_time(verb, "--interval-ps", SIMULATE, "time between frames [ps]")
    add_option(
        verb,
        "--temperature",
        SIMULATE,
        "[K]; of several, each round of starts takes the next",
        type=float,
        nargs="+",
    )
    add_option(verb, "--n-walkers", SIMULATE, "independent walkers", type=int)
    _add_seed(verb, SIMULATE, "seed of all random numbers", 0)
    add_option(verb, "--platform", SIMULATE, "OpenMM platform; chosen by size")


def _add_peptides(systems: Any) -> None:
    text = "make frames of random peptides, to train a model for any protein on"
    verb = add_verb(systems, _simulate_peptides, "peptides", text, goes_on=True)
    _add_output(verb)
    add_option(verb, "--n-peptides", PEPTIDES, "how many", shown=480, type=count)
    _add_seed(verb, PEPTIDES, SAME_SEED, 1)
    add_option(verb, "--platform", PEPTIDES, "OpenMM platform", shown="CPU")
    _add_frames(verb, "--frames-of-peptide", PEPTIDE_DYNAMICS, 30)
    _add_times(verb, PEPTIDE_DYNAMICS, 8.0, 1.0)


def _add_proteins(systems: Any) -> None:
    text = "make frames of fragments of known structures, to train a model on"
    verb = add_verb(systems, _simulate_proteins, "proteins", text, goes_on=True)
    verb.add_argument(
        "--structures",
        required=True,
        nargs="+",
        help="folders of PDB and mmCIF files (also .gz), or such files",
    )
    add_option(
        verb,
        "--held-out",
        PROTEINS,
        "the same of proteins to test on; what is like them is left out",
        shown=(),
        nargs="+",
    )
    _add_output(verb)
    _add_seed(verb, PROTEINS, SAME_SEED, 1)
    add_option(verb, "--platform", PROTEINS, "OpenMM platform", shown="CPU")
    _add_frames(verb, "--frames-of-fragment", PROTEIN_DYNAMICS, 4)
    _add_times(verb, PROTEIN_DYNAMICS, 0.8, 0.24)


def _add_output(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--output", required=True, help="folder; a run there goes on")


def _add_seed(verb: Any, target: str, text: str, shown: int) -> None:
    add_option(verb, "--seed", target, text, shown=shown, type=int)


def _add_frames(verb: Any, flag: str, target: str, shown: int) -> None:
    text = "how many of each"
    add_option(verb, flag, target, text, shown=shown, dest="n_frames", type=count)


def _add_times(verb: Any, target: str, before: float, between: float) -> None:
    _add_time(verb, "--equilibration-ps", target, "time before frames [ps]", before)
    _add_time(verb, "--interval-ps", target, "time between frames [ps]", between)


def _add_time(
    verb: Any, flag: str, target: str, text: str, shown: float | None = None
) -> None:
    add_option(verb, flag, target, text, shown=shown, type=float)


def _simulate(arguments: Arguments) -> None:
    from openmm_cgvae.simulation.reference.trajectories import simulate

    options = given_for(arguments, SIMULATE)
    result = simulate(arguments.system, arguments.output, **options)
    done = "was there already:" if result.was_complete else "wrote"
    say(f"{done} {result.topology} {result.trajectory} {result.provenance}")


def _simulate_peptides(arguments: Arguments) -> None:
    from dataclasses import replace

    from openmm_cgvae.simulation.molecule_sets import peptide_sets

    given = given_for(arguments, PEPTIDE_DYNAMICS)
    molecules = peptide_sets.simulate_peptides(
        arguments.output,
        dynamics=replace(peptide_sets.PEPTIDE_DYNAMICS, **given),
        **given_for(arguments, PEPTIDES),
    )
    say(molecules)


def _simulate_proteins(arguments: Arguments) -> None:
    from dataclasses import replace

    from openmm_cgvae.simulation.molecule_sets import protein_sets

    given = given_for(arguments, PROTEIN_DYNAMICS)
    molecules = protein_sets.simulate_proteins(
        arguments.structures,
        arguments.output,
        dynamics=replace(protein_sets.PROTEIN_DYNAMICS, **given),
        **given_for(arguments, PROTEINS),
    )
    say(molecules)
