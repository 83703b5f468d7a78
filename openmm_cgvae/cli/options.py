"""What the verbs have in common: their options, and what these stand for."""

import argparse
import dataclasses
import re
import sys
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_origin

if TYPE_CHECKING:
    import MDAnalysis as mda

    from openmm_cgvae.mapping import Mapping

Arguments = argparse.Namespace

MAPPING_HELP = (
    "residues, alpha-carbon, peptide-units, peptide-units:split, martini, "
    "martini:2, backbone:N, autograin:N (learned from the frames; N:SEED for another), "
    "'{CGSmiles}', a mapping's JSON file, or the mapping of a model by its name or "
    "*.cgvae file"
)


_METAVARS: dict[Any, str] = {int: "N", float: "X", str: "NAME"}


def add_verb(
    verbs: Any, run: Any, name: str, text: str, *, goes_on: bool = False
) -> argparse.ArgumentParser:
    """Add a verb with the function that runs it; say if a stopped one goes on."""
    units = " Lengths are in Angstrom, other units in [brackets]."
    parser = verbs.add_parser(
        name, help=text, description=f"{text[0].upper()}{text[1:]}.{units}"
    )
    parser.set_defaults(run=run, goes_on=goes_on)
    return parser


def add_input(verb: Any, *, required: bool = True) -> None:
    """Add the options for a universe."""
    verb.add_argument(
        "--topology", required=required, help="e.g. a PDB, PSF or TPR file"
    )
    verb.add_argument("--trajectory", nargs="+", default=[], help="e.g. XTC files")


def add_mapping(verb: Any, *, required: bool = True) -> None:
    """Add the option for a mapping."""
    verb.add_argument("--mapping", required=required, help=MAPPING_HELP)


def add_compile(verb: Any) -> None:
    """Add the option that compiles training steps."""
    verb.add_argument(
        "--compile",
        dest="compiles",
        action=argparse.BooleanOptionalAction,
        help="compile training steps, which takes a C++ compiler a minute and then "
        "saves time; by default where a training is long enough to gain by it",
    )


def add_output(verb: argparse.ArgumentParser, text: str) -> None:
    """Add the option for the file that is written."""
    verb.add_argument("--output", required=True, type=file_to_write, help=text)


def count(text: str) -> int:
    """Take a number of at least one."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a whole number of at least 1"
        )
    return int(text)


def file_to_write(text: str) -> str:
    """Take the name of a file to write, whose folder has to be there."""
    folder = Path(text).parent
    if not folder.is_dir():
        raise argparse.ArgumentTypeError(
            f"{text!r} is in the folder {str(folder)!r}, which is not there; "
            "make it first"
        )
    return text


def add_fields(group: Any, record: type, without: Collection[str] = ()) -> None:
    """Add an option for every field of a config record, helped by its docstring."""
    described = _described_fields(record)
    for field in dataclasses.fields(record):
        if field.name in without:
            continue
        option = "--" + field.name.replace("_", "-")
        text = described.get(field.name, "").replace("%", "%%")
        settings: dict[str, Any] = {"dest": field.name, "help": text}
        if get_origin(field.type) is not None:
            settings["choices"] = get_args(field.type)
        elif field.type is bool:
            settings["action"] = argparse.BooleanOptionalAction
        else:
            settings["type"] = field.type
            settings["metavar"] = _METAVARS[field.type]
        group.add_argument(option, default=None, **settings)


def _described_fields(record: type) -> dict[str, str]:
    """Take the descriptions of the fields from the numpydoc docstring."""
    text = (record.__doc__ or "").partition("Parameters\n")[2].partition("Raises\n")[0]
    described = {}
    for names, body in re.findall(r"\n    (\w[\w, ]*) : [^\n]*((?:\n {8}.*)+)", text):
        for name in names.split(", "):
            described[name] = " ".join(body.split())
    return described


def given_fields(
    arguments: Arguments, record: type, without: Collection[str] = ()
) -> dict[str, Any]:
    """Give those fields of a config record that the command line sets."""
    names = [f.name for f in dataclasses.fields(record) if f.name not in without]
    values = {name: getattr(arguments, name) for name in names}
    return {name: value for name, value in values.items() if value is not None}


def own_options(arguments: Arguments) -> dict[str, Any]:
    """Give the options of a verb by their names."""
    ours = {"run", "goes_on", "command"}
    return {name: value for name, value in vars(arguments).items() if name not in ours}


def open_universe(arguments: Arguments) -> "mda.Universe":
    """Open the input."""
    import MDAnalysis as mda

    return mda.Universe(arguments.topology, *arguments.trajectory)


def make_mapping(atoms: "mda.Universe", text: str) -> "Mapping":
    """Make the mapping that was asked for."""
    from openmm_cgvae.mapping.schemes import from_spec
    from openmm_cgvae.model import require_molecule
    from openmm_cgvae.model.pretrained import list_models, load_model

    if text in list_models() or text.endswith(".cgvae"):
        return require_molecule(load_model(text)).mapping
    return from_spec(atoms.atoms, text)


def go_to(universe: "mda.Universe", frame: int) -> None:
    """Go to a frame of a trajectory."""
    n_frames = universe.trajectory.n_frames
    if not -n_frames <= frame < n_frames:
        raise ValueError(
            f"`--frame` is {frame} but the trajectory has {n_frames}; count from 0"
        )
    universe.trajectory[frame]


def say(what: object) -> None:
    """Print the result of a verb."""
    sys.stdout.write(f"{what}\n")
