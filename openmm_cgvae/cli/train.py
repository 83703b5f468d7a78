"""The verb ``train``: on a trajectory of one molecule, or on many molecules."""

import argparse
from typing import TYPE_CHECKING, Any

from openmm_cgvae.cli.files import model_to_write
from openmm_cgvae.cli.options import (
    Arguments,
    add_compile,
    add_input,
    add_mapping,
    add_option,
    add_verb,
    count,
    given_for,
    make_mapping,
    open_universe,
    say,
)
from openmm_cgvae.cli.record_options import add_fields, given_fields

if TYPE_CHECKING:
    from openmm_cgvae.model import Model, TransferableModel

__all__ = ["add_settings", "add_train"]

ONE = "training.one_molecule.train"
MANY = "training.many_molecules.train_many"


def add_train(verbs: Any) -> None:
    """Add the verb and its options, but for those of the config records."""
    text = "train a model on a trajectory, or on many molecules"
    verb = add_verb(verbs, _train, "train", text, goes_on=True)
    one = verb.add_argument_group("a trajectory")
    add_input(one, required=False)
    add_mapping(one, required=False)
    add_compile(one, ONE)
    many = verb.add_argument_group("many molecules, for a model of any protein")
    many.add_argument(
        "--molecules", nargs="+", help="folders of simulate peptides or proteins"
    )
    many.add_argument(
        "--beads", help="of a residue: alpha-carbon, residue, martini3 or martini2"
    )
    verb.add_argument(
        "--output",
        required=True,
        type=model_to_write,
        help="model file, e.g. mine.cgvae",
    )
    verb.add_argument(
        "--preset",
        help="fast (default) or paper; transferable (default) for many molecules",
    )
    verb.add_argument(
        "--run-directory",
        help="checkpoints and log (default: OUTPUT.run); a run there goes on",
    )
    add_option(
        verb,
        "--threads",
        (ONE, MANY),
        "CPU threads",
        shown=1,
        dest="n_threads",
        type=count,
        metavar="N",
    )


def add_settings(train: argparse.ArgumentParser) -> None:
    """Add the fields of the config records to the options of ``train``."""
    from openmm_cgvae.model import ModelConfig
    from openmm_cgvae.training import TrainingConfig

    add_fields(train, ModelConfig, "network")
    add_fields(train, TrainingConfig, "training")


def _train(arguments: Arguments) -> None:
    from openmm_cgvae.model import ModelConfig
    from openmm_cgvae.model.checkpoint import save_model
    from openmm_cgvae.training import TrainingConfig, configure

    is_many = _is_many(arguments)
    options: dict[str, Any] = {
        "preset": arguments.preset or ("transferable" if is_many else "fast"),
        "model_options": given_fields(arguments, ModelConfig),
        "training_options": given_fields(arguments, TrainingConfig),
    }
    configure(**options)  # refuses before anything is read
    options["run_directory"] = arguments.run_directory or f"{arguments.output}.run"
    train = _train_on_many if is_many else _train_on_one
    say(f"wrote {save_model(train(arguments, options), arguments.output)}")


def _train_on_one(arguments: Arguments, options: dict[str, Any]) -> "Model":
    from openmm_cgvae.training import train

    atoms = open_universe(arguments)
    mapping = make_mapping(atoms, arguments.mapping)
    return train(atoms, mapping, **given_for(arguments, ONE), **options)


def _train_on_many(
    arguments: Arguments, options: dict[str, Any]
) -> "TransferableModel":
    from openmm_cgvae.training import train_many, training_molecules

    if given_for(arguments, ONE).get("compiles"):
        raise ValueError(
            "--compile is for a trajectory of one molecule: of many, every batch has "
            "another shape; leave it out"
        )
    molecules, source = training_molecules(arguments.molecules, arguments.beads)
    options |= given_for(arguments, MANY)
    return train_many(molecules, arguments.beads, source=source, **options)


def _is_many(arguments: Arguments) -> bool:
    """Find which kind of training is asked for; one has to be, with all it needs."""
    one = {"--topology": arguments.topology, "--mapping": arguments.mapping}
    many = {"--molecules": arguments.molecules, "--beads": arguments.beads}
    given = [name for name, value in (one | many).items() if value]
    if arguments.trajectory:
        given.append("--trajectory")
    for kind, others in ((one, many), (many, one)):
        extra = [*others, "--trajectory"] if kind is many else others
        if all(kind.values()) and not set(given) & set(extra):
            return kind is many
    raise ValueError(
        f"train was given {' and '.join(given) or 'no data'}; give --topology, "
        "--mapping and --trajectory for one molecule, or --molecules and --beads for "
        "many"
    )
