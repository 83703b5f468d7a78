"""The verbs: for each its options, and the function that does it."""

import argparse
import json
from typing import Any

from openmm_cgvae.cli.options import (
    Arguments,
    add_input,
    add_mapping,
    add_output,
    add_verb,
    file_to_write,
    go_to,
    make_mapping,
    open_universe,
    own_options,
    say,
)
from openmm_cgvae.cli.reporting import add_report
from openmm_cgvae.cli.simulating import add_simulate
from openmm_cgvae.cli.training import add_train


def _add_map(verbs: Any) -> None:
    verb = add_verb(
        verbs, _map, "map", "coarse-grain a trajectory, and show the mapping"
    )
    add_input(verb)
    add_mapping(verb)
    files = {
        "--output": "beads, e.g. beads.xtc",
        "--output-topology": "first frame of the beads, e.g. a PDB",
        "--save-mapping": "JSON file for the mapping",
        "--picture": "drawing of the molecule with its beads, e.g. mapping.png or .svg",
    }
    for option, text in files.items():
        verb.add_argument(option, type=file_to_write, help=text)


def _map(arguments: Arguments) -> None:
    from openmm_cgvae.cli.bead_tables import bead_table
    from openmm_cgvae.structures.export.universes import structure_writer
    from openmm_cgvae.transformations import coarse_grain

    atoms = open_universe(arguments)
    mapping = make_mapping(atoms, arguments.mapping)
    beads = coarse_grain(atoms, mapping)
    wanted = {
        "--output": (arguments.output, beads.trajectory),
        "--output-topology": (arguments.output_topology, beads.trajectory[:1]),
    }
    for option, (path, frames) in wanted.items():
        if path:
            opened = structure_writer(mapping.n_beads, path, len(frames), option)
            with opened as writer:
                for _ in frames:
                    writer.write(beads.atoms)
    if arguments.save_mapping:
        mapping.save(arguments.save_mapping)
    if arguments.picture:
        from openmm_cgvae.evaluation.figures import bead_map
        from openmm_cgvae.molecules import AtomTable

        bead_map(AtomTable.from_universe(atoms), mapping, path=arguments.picture)
    say(bead_table(atoms.atoms, mapping))


def _add_sample(verbs: Any) -> None:
    verb = add_verb(verbs, _sample, "sample", "make atoms from beads")
    add_input(verb)
    verb.add_argument("--model", help="name or file; found by the beads by default")
    add_output(verb, "structures, e.g. atoms.pdb")
    verb.add_argument("--n", type=int, default=1, help="samples of a frame (1)")
    verb.add_argument("--seed", type=int, default=0, help="same seed, same atoms (0)")
    verb.add_argument(
        "--frame", type=int, help="one frame only; the whole trajectory by default"
    )
    verb.add_argument(
        "--unknown",
        choices=("raise", "drop", "keep"),
        default="raise",
        help="what to do with beads the model does not know (raise)",
    )
    verb.add_argument(
        "--temperature",
        type=float,
        default=1.0,
        help="sampling temperature; 0: the most likely structure (1)",
    )
    verb.add_argument("--spread", type=float, help=argparse.SUPPRESS)
    verb.add_argument(
        "--report", type=file_to_write, help="JSON report on the samples of --frame"
    )


def _sample(arguments: Arguments) -> None:
    from openmm_cgvae.backmapping.backmapper import Backmapper

    universe = open_universe(arguments)
    backmapper = Backmapper(
        universe,
        arguments.model,
        unknown=arguments.unknown,
        temperature=arguments.temperature,
        spread=arguments.spread,
    )
    for note in backmapper.notes:
        say(f"note: {note}")
    if arguments.frame is None and universe.trajectory.n_frames > 1:
        if arguments.report:
            raise ValueError("`--report` is about one frame; choose it with --frame")
        path = backmapper.run(
            n=arguments.n, output=arguments.output, seed=arguments.seed
        )
        say(f"wrote {path}")
        return
    go_to(universe, arguments.frame or 0)
    ensemble = backmapper.sample(n=arguments.n, seed=arguments.seed)
    ensemble.write(arguments.output)
    report = ensemble.report()
    if arguments.report:
        report.to_json(arguments.report)
    say(report)


def _add_relax(verbs: Any) -> None:
    verb = add_verb(verbs, _relax, "relax", "minimise structures with their beads held")
    add_input(verb)
    add_mapping(verb)
    add_output(verb, "structures, e.g. relaxed.pdb")
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
    from openmm_cgvae.molecules import AtomTable
    from openmm_cgvae.molecules.frames import Frames
    from openmm_cgvae.structures.ensemble import AtomisticEnsemble
    from openmm_cgvae.structures.export.universes import structure_writer

    atoms = open_universe(arguments)
    ensemble = AtomisticEnsemble(
        AtomTable.from_universe(atoms),
        Frames.from_universe(atoms).positions,
        mapping=make_mapping(atoms, arguments.mapping),
        box=atoms.dimensions,
    )
    # A file that cannot be written is noticed before the work.
    opened = structure_writer(
        len(atoms.atoms), arguments.output, len(ensemble), "--output"
    )
    with opened as writer:
        relaxation = ensemble.relax(
            arguments.forcefield,
            k=arguments.k,
            tolerance=arguments.tolerance,
            max_iterations=arguments.max_iterations,
            recentre=arguments.recentre,
            workers=arguments.workers,
            progress=True,
        )
        relaxed = relaxation.ensemble.to_universe()
        for _ in relaxed.trajectory:
            writer.write(relaxed.atoms)
    say(relaxation)


def _add_evaluate(verbs: Any) -> None:
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
    from openmm_cgvae.model.pretrained import load_model
    from openmm_cgvae.molecules.frames import Frames

    result = evaluate(
        load_model(arguments.model),
        Frames.from_universe(open_universe(arguments)),
        n_frames=arguments.n_frames,
        n_samples=arguments.n_samples,
        n_relaxed=arguments.n_relaxed,
        seed=arguments.seed,
    )
    if arguments.output:
        result.to_json(arguments.output)
    say(result)


def _add_info(verbs: Any) -> None:
    verb = add_verb(
        verbs, _info, "info", "say what a model file is, or which there are"
    )
    verb.add_argument("model", nargs="?", help="name or file; none lists the shipped")


def _info(arguments: Arguments) -> None:
    from openmm_cgvae.model.checkpoint import read_header
    from openmm_cgvae.model.pretrained import (
        bead_names_of_model,
        list_models,
        model_path,
        spell,
    )

    if arguments.model is None:
        say("\n".join(list_models()))
        return
    header = read_header(model_path(arguments.model))
    table, mapping = header.pop("atom_table"), header.pop("mapping")
    if table is None:
        header["beads"] = header.pop("kinds")["beads"]
        header["atoms"] = "of any molecule of atom types in the vocabulary"
    else:
        names = {"atom_table": table, "mapping": mapping}
        header["beads"] = spell(bead_names_of_model(names))
        residues = " ".join(table["residue_names"])
        header["atoms"] = f"{len(table['names'])} of {residues}"
    header["vocabulary"] = " ".join(header["vocabulary"])
    say(json.dumps(header, indent=1, ensure_ascii=False))


def _add_demo(verbs: Any) -> None:
    verb = add_verb(verbs, _demo, "demo", "see atoms come back from three beads")
    verb.add_argument("--output", default="demo_output", help="folder (demo_output)")
    verb.add_argument("--seed", type=int, default=0, help="seed of the samples (0)")


def _demo(arguments: Arguments) -> None:
    from openmm_cgvae.cli.demo import run_demo

    say(run_demo(**own_options(arguments)))


VERBS = (
    add_simulate,
    _add_map,
    add_train,
    _add_sample,
    _add_relax,
    add_report,
    _add_evaluate,
    _add_info,
    _add_demo,
)
