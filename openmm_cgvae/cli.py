"""The command line: every verb parses, calls one function and prints its result."""

import argparse
import dataclasses
import json
import logging
import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, get_args, get_origin

if TYPE_CHECKING:
    import MDAnalysis as mda

    from openmm_cgvae.mapping import Mapping

Arguments = argparse.Namespace


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a verb of ``openmm-cgvae``.

    Parameters
    ----------
    arguments : sequence of str, optional
        Words of the command line; those of the process by default.

    Returns
    -------
    int
        0 where all went well, 1 where the input was bad, 130 where it was stopped.
    """
    parsed = make_parser().parse_args(arguments)
    # Lightning announces its hardware and its sponsors at every start.
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    try:
        parsed.verb(parsed)
    except (ValueError, LookupError, OSError, ImportError) as error:
        sys.stderr.write(f"openmm-cgvae: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("openmm-cgvae: stopped; the same command goes on from here\n")
        return 130
    return 0


def make_parser() -> argparse.ArgumentParser:
    """Make the parser of all verbs."""
    parser = argparse.ArgumentParser(
        prog="openmm-cgvae",
        description="Backmapping of coarse-grained beads to atoms.",
    )
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    for add in (
        _add_simulate,
        _add_map,
        _add_train,
        _add_sample,
        _add_relax,
        _add_evaluate,
        _add_info,
        _add_demo,
    ):
        add(verbs)
    return parser


def _add_simulate(verbs: Any) -> None:
    verb = _verb(
        verbs, _simulate, "simulate", "make a reference trajectory with OpenMM"
    )
    verb.add_argument("system", help="alanine-dipeptide or chignolin")
    verb.add_argument("--output", required=True, help="folder; a run there goes on")
    verb.add_argument("--n-frames", type=int, default=20_000, help="of all walkers")
    verb.add_argument("--interval-ps", type=float, help="time between frames [ps]")
    verb.add_argument("--temperature", type=float, default=300.0, help="[K]")
    verb.add_argument("--n-walkers", type=int, help="independent walkers")
    verb.add_argument("--seed", type=int, default=0, help="seed of all random numbers")
    verb.add_argument("--platform", help="OpenMM platform; chosen by size by default")


def _simulate(arguments: Arguments) -> None:
    from openmm_cgvae.simulate import simulate

    _say(simulate(**_options(arguments)))


def _add_map(verbs: Any) -> None:
    verb = _verb(verbs, _map, "map", "coarse-grain an atomistic trajectory")
    _add_input(verb)
    _add_mapping(verb)
    verb.add_argument("--output", required=True, help="beads, e.g. beads.xtc")
    verb.add_argument("--output-topology", help="first frame of the beads, e.g. a PDB")
    verb.add_argument("--save-mapping", help="JSON file for the mapping")


def _map(arguments: Arguments) -> None:
    from openmm_cgvae.transformations import coarse_grain

    atoms = _universe(arguments)
    mapping = _mapping(atoms, arguments.mapping)
    beads = coarse_grain(atoms, mapping)
    beads.atoms.write(arguments.output, frames="all")
    beads.trajectory[0]
    if arguments.output_topology:
        beads.atoms.write(arguments.output_topology)
    if arguments.save_mapping:
        mapping.save(arguments.save_mapping)
    for bead, name in enumerate(mapping.bead_names):
        names = atoms.atoms.names[mapping.atoms_of_bead(bead)]
        _say(f"{bead:4d} {name:6s} {' '.join(names)}")


def _add_train(verbs: Any) -> None:
    from openmm_cgvae.model.config import ModelConfig
    from openmm_cgvae.training import TrainingConfig

    verb = _verb(verbs, _train, "train", "train a model on a trajectory")
    _add_input(verb)
    _add_mapping(verb)
    verb.add_argument("--output", required=True, help="model file, e.g. mine.cgvae")
    verb.add_argument("--preset", default="fast", help="fast (default) or paper")
    verb.add_argument(
        "--run-directory",
        help="checkpoints and log (default: OUTPUT.run); a run there goes on",
    )
    verb.add_argument("--threads", type=int, default=1, help="CPU threads (1)")
    _add_fields(
        verb.add_argument_group("network, if other than the preset"), ModelConfig
    )
    _add_fields(
        verb.add_argument_group("training, if other than the preset"), TrainingConfig
    )


def _train(arguments: Arguments) -> None:
    import torch

    from openmm_cgvae.checkpoint import save_model
    from openmm_cgvae.model.config import ModelConfig
    from openmm_cgvae.training import TrainingConfig, configure, train

    model_options = _given(arguments, ModelConfig)
    training_options = _given(arguments, TrainingConfig)
    configure(arguments.preset, model_options, training_options)
    torch.set_num_threads(arguments.threads)
    atoms = _universe(arguments)
    model = train(
        atoms,
        _mapping(atoms, arguments.mapping),
        preset=arguments.preset,
        model_options=model_options,
        training_options=training_options,
        run_directory=arguments.run_directory or f"{arguments.output}.run",
    )
    _say(f"wrote {save_model(model, arguments.output)}")


def _add_sample(verbs: Any) -> None:
    verb = _verb(verbs, _sample, "sample", "make atoms from beads")
    _add_input(verb)
    verb.add_argument("--model", help="name or file; found by the beads by default")
    verb.add_argument("--output", required=True, help="structures, e.g. atoms.pdb")
    verb.add_argument("--n", type=int, default=1, help="samples of a frame (1)")
    verb.add_argument("--seed", type=int, default=0, help="same seed, same atoms (0)")
    verb.add_argument(
        "--frame", type=int, help="one frame only; the whole trajectory by default"
    )
    verb.add_argument("--report", help="JSON report on the samples of --frame")


def _sample(arguments: Arguments) -> None:
    from openmm_cgvae.backmapper import Backmapper

    universe = _universe(arguments)
    backmapper = Backmapper(universe, arguments.model)
    if arguments.frame is None and universe.trajectory.n_frames > 1:
        if arguments.report:
            raise ValueError("`--report` is about one frame; choose it with --frame")
        path = backmapper.run(
            n=arguments.n, output=arguments.output, seed=arguments.seed
        )
        _say(f"wrote {path}")
        return
    _go_to(universe, arguments.frame or 0)
    ensemble = backmapper.sample(n=arguments.n, seed=arguments.seed)
    ensemble.write(arguments.output)
    report = ensemble.report()
    if arguments.report:
        report.to_json(arguments.report)
    _say(report)


def _add_relax(verbs: Any) -> None:
    verb = _verb(verbs, _relax, "relax", "minimise structures with their beads held")
    _add_input(verb)
    verb.add_argument("--mapping", required=True, help=MAPPING_HELP)
    verb.add_argument("--output", required=True, help="structures, e.g. relaxed.pdb")
    verb.add_argument(
        "--forcefield", nargs="+", help="OpenMM XML names; Amber99SB-ILDN with OBC"
    )
    verb.add_argument("--k", type=float, default=5e5, help="spring [kJ/mol/nm^2]")
    verb.add_argument(
        "--tolerance", type=float, default=10.0, help="force at the end [kJ/mol/nm]"
    )
    verb.add_argument("--max-iterations", type=int, default=500, help="at most (500)")
    verb.add_argument("--recentre", action="store_true", help="put beads back exactly")
    verb.add_argument("--workers", type=int, default=1, help="processes (1)")


def _relax(arguments: Arguments) -> None:
    from openmm_cgvae.ensemble import AtomisticEnsemble
    from openmm_cgvae.frames import Frames
    from openmm_cgvae.topology import AtomTable

    atoms = _universe(arguments)
    ensemble = AtomisticEnsemble(
        AtomTable.from_universe(atoms),
        Frames.from_universe(atoms).positions.numpy(),
        mapping=_mapping(atoms, arguments.mapping),
        box=atoms.dimensions,
    )
    relaxation = ensemble.relax(
        arguments.forcefield,
        k=arguments.k,
        tolerance=arguments.tolerance,
        max_iterations=arguments.max_iterations,
        recentre=arguments.recentre,
        workers=arguments.workers,
        progress=True,
    )
    relaxation.ensemble.write(arguments.output)
    _say(relaxation)


def _add_evaluate(verbs: Any) -> None:
    verb = _verb(verbs, _evaluate, "evaluate", "measure a model on held-out time")
    _add_input(verb)
    verb.add_argument("--model", required=True, help="name or file")
    verb.add_argument("--n-frames", type=int, default=1000, help="held out (1000)")
    verb.add_argument("--n-samples", type=int, default=32, help="of a frame (32)")
    verb.add_argument("--seed", type=int, default=0, help="seed of the samples (0)")
    verb.add_argument("--output", help="JSON file for the numbers")


def _evaluate(arguments: Arguments) -> None:
    from openmm_cgvae.evaluation import evaluate
    from openmm_cgvae.frames import Frames
    from openmm_cgvae.pretrained import load_model

    result = evaluate(
        load_model(arguments.model),
        Frames.from_universe(_universe(arguments)),
        n_frames=arguments.n_frames,
        n_samples=arguments.n_samples,
        seed=arguments.seed,
    )
    if arguments.output:
        result.to_json(arguments.output)
    _say(result)


def _add_info(verbs: Any) -> None:
    verb = _verb(verbs, _info, "info", "say what a model file is, or which there are")
    verb.add_argument("model", nargs="?", help="name or file; none lists the shipped")


def _info(arguments: Arguments) -> None:
    from openmm_cgvae.checkpoint import read_header
    from openmm_cgvae.pretrained import list_models, model_path

    if arguments.model is None:
        _say("\n".join(list_models()))
        return
    header = read_header(model_path(arguments.model))
    table, mapping = header.pop("atom_table"), header.pop("mapping")
    header["atoms"] = f"{len(table['names'])} of {' '.join(table['residue_names'])}"
    header["beads"] = " ".join(mapping["bead_names"])
    header["vocabulary"] = " ".join(header["vocabulary"])
    _say(json.dumps(header, indent=1))


def _add_demo(verbs: Any) -> None:
    verb = _verb(verbs, _demo, "demo", "see atoms come back from three beads")
    verb.add_argument("--output", default="demo_output", help="folder (demo_output)")
    verb.add_argument("--seed", type=int, default=0, help="seed of the samples (0)")


def _demo(arguments: Arguments) -> None:
    from openmm_cgvae.demo import run_demo

    _say(run_demo(**_options(arguments)))


MAPPING_HELP = (
    "residues, alpha-carbon, peptide-units, peptide-units:split, backbone:N, "
    "a mapping's JSON file, or the mapping of a model by its name or *.cgvae file"
)


def _verb(verbs: Any, function: Any, name: str, text: str) -> argparse.ArgumentParser:
    parser = verbs.add_parser(name, help=text, description=f"{text.capitalize()}.")
    parser.set_defaults(verb=function)
    return parser


def _add_input(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--topology", required=True, help="e.g. a PDB, PSF or TPR file")
    verb.add_argument("--trajectory", nargs="+", default=[], help="e.g. XTC files")


def _add_mapping(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--mapping", required=True, help=MAPPING_HELP)


def _add_fields(group: Any, record: type) -> None:
    """Add an option for every field of a config record, helped by its docstring."""
    described = _described_fields(record)
    for field in dataclasses.fields(record):
        option = "--" + field.name.replace("_", "-")
        text = described.get(field.name, "").replace("%", "%%")
        settings: dict[str, Any] = {"dest": field.name, "help": text}
        if get_origin(field.type) is not None:
            settings["choices"] = get_args(field.type)
        elif field.type is bool:
            settings["action"] = argparse.BooleanOptionalAction
        else:
            settings["type"] = field.type
            settings["metavar"] = "N" if field.type is int else "X"
        group.add_argument(option, default=None, **settings)


def _described_fields(record: type) -> dict[str, str]:
    """Take the descriptions of the fields from the numpydoc docstring."""
    text = (record.__doc__ or "").partition("Parameters\n")[2].partition("Raises\n")[0]
    described = {}
    for names, body in re.findall(r"\n    (\w[\w, ]*) : [^\n]*((?:\n {8}.*)+)", text):
        for name in names.split(", "):
            described[name] = " ".join(body.split())
    return described


def _given(arguments: Arguments, record: type) -> dict[str, Any]:
    names = [field.name for field in dataclasses.fields(record)]
    values = {name: getattr(arguments, name) for name in names}
    return {name: value for name, value in values.items() if value is not None}


def _options(arguments: Arguments) -> dict[str, Any]:
    return {name: value for name, value in vars(arguments).items() if name != "verb"}


def _universe(arguments: Arguments) -> "mda.Universe":
    import MDAnalysis as mda

    return mda.Universe(arguments.topology, *arguments.trajectory)


def _mapping(atoms: "mda.Universe", text: str) -> "Mapping":
    from openmm_cgvae.pretrained import list_models, load_model
    from openmm_cgvae.schemes import from_spec

    if text in list_models() or text.endswith(".cgvae"):
        return load_model(text).mapping
    return from_spec(atoms.atoms, text)


def _go_to(universe: "mda.Universe", frame: int) -> None:
    n_frames = universe.trajectory.n_frames
    if not -n_frames <= frame < n_frames:
        raise ValueError(
            f"`--frame` is {frame} but the trajectory has {n_frames}; count from 0"
        )
    universe.trajectory[frame]


def _say(what: object) -> None:
    sys.stdout.write(f"{what}\n")
