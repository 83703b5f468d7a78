"""Options that verbs have in common, and what of the library options stand for."""

import argparse
import sys
from typing import TYPE_CHECKING, Any

from openmm_cgvae._runtime.deprecations import warn_of_old_name
from openmm_cgvae._runtime.printable import printable
from openmm_cgvae.cli.files import file_to_write, read_universe

if TYPE_CHECKING:
    import MDAnalysis as mda

    from openmm_cgvae.mapping import Mapping

__all__ = [
    "MAPPING_HELP",
    "Arguments",
    "add_compile",
    "add_input",
    "add_mapping",
    "add_model",
    "add_old_flag",
    "add_option",
    "add_output",
    "add_verb",
    "count",
    "given_for",
    "go_to",
    "make_mapping",
    "open_universe",
    "say",
]

Arguments = argparse.Namespace

MAPPING_HELP = (
    "residues, alpha-carbon, peptide-units, peptide-units:split, martini, "
    "martini:2, backbone:N, autograin:N (learned from the frames; N:SEED for another), "
    "'{CGSmiles}', a mapping's JSON file, or the mapping of a model by its name or "
    "*.cgvae file"
)


def add_verb(
    verbs: Any, run: Any, name: str, text: str, *, goes_on: bool = False
) -> argparse.ArgumentParser:
    """Add a verb with the function that runs it; say if a stopped one goes on."""
    units = " Lengths are in Angstrom, other units in [brackets]."
    parser = verbs.add_parser(
        name, help=text, description=f"{text[0].upper()}{text[1:]}.{units}"
    )
    parser.set_defaults(run=run, goes_on=goes_on, stands_for={})
    return parser


def add_option(
    verb: Any,
    flag: str,
    target: str | tuple[str, ...],
    text: str,
    *,
    shown: Any = None,
    **settings: Any,
) -> argparse.Action:
    """Add an option that stands for a parameter or a field of the library.

    It is handed over only if it is given, so that the library's own default counts.

    Parameters
    ----------
    verb : ArgumentParser or a group of one
        Gets the option.
    flag : str
        Its name.
    target : str or tuple of str
        What has the parameter: a function, a record or an instance of one, by its path
        in the package.
    text : str
        Help.
    shown : object, optional
        Default of the library, for the help alone.
    **settings
        For ``add_argument``; ``dest`` is the name of the parameter.

    Returns
    -------
    argparse.Action
        The option.
    """
    is_plain = isinstance(shown, (int, float, str)) and not isinstance(shown, bool)
    default = f" ({shown:g})" if isinstance(shown, float) else f" ({shown})"
    action: argparse.Action = verb.add_argument(
        flag,
        default=argparse.SUPPRESS,
        help=text + (default if is_plain and shown != "" else ""),
        **settings,
    )
    targets = (target,) if isinstance(target, str) else target
    # The groups of a parser share its defaults.
    known = verb.get_default("stands_for")
    verb.set_defaults(stands_for={**known, action.dest: (targets, shown)})
    return action


def given_for(arguments: Arguments, target: str) -> dict[str, Any]:
    """Return the options that stand for parameters of a function and were given."""
    given = vars(arguments)
    return {
        name: given[name]
        for name, (targets, _) in arguments.stands_for.items()
        if target in targets and name in given
    }


def add_old_flag(verb: Any, old: str, action: argparse.Action) -> None:
    """Let an option be given by its name of version 0.1, which help does not show.

    Parameters
    ----------
    verb : ArgumentParser or a group of one
        Has the option.
    old : str
        The old name, such as ``"--spread"``.
    action : argparse.Action
        The option.
    """
    verb.add_argument(
        *(
            old if flag[:5] != "--no-" else f"--no-{old[2:]}"
            for flag in action.option_strings
        ),
        action=_OldFlag,
        current=action,
        dest=action.dest,
        nargs=action.nargs,
        type=action.type,
        choices=action.choices,
        default=argparse.SUPPRESS,
        help=argparse.SUPPRESS,
    )


class _OldFlag(argparse.Action):
    """An option by its old name: warns, and does what the current one does."""

    def __init__(self, *words: Any, current: argparse.Action, **settings: Any) -> None:
        super().__init__(*words, **settings)
        self.current = current

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        place = self.option_strings.index(str(option_string))
        new = self.current.option_strings[place]
        warn_of_old_name(str(option_string), new)
        self.current(parser, namespace, values, new)


def add_input(verb: Any, *, required: bool = True) -> None:
    """Add the options for a universe."""
    verb.add_argument(
        "--topology", required=required, help="e.g. a PDB, PSF or TPR file"
    )
    verb.add_argument("--trajectory", nargs="+", default=[], help="e.g. XTC files")


def add_mapping(verb: Any, *, required: bool = True) -> None:
    """Add the option for a mapping."""
    verb.add_argument("--mapping", required=required, help=MAPPING_HELP)


def add_model(verb: Any, backmapper: str) -> None:
    """Add the options for the model, and for beads as they are taken."""
    add_option(
        verb, "--model", backmapper, "name or file; found by the beads by default"
    )
    add_option(
        verb,
        "--family",
        backmapper,
        "what the beads of a protein are: alpha-carbon, residue (centres of mass), "
        "martini3 or martini2; told by names and distances by default",
    )
    add_option(
        verb,
        "--bead-slack",
        backmapper,
        "how far beads may move where no atoms fit them [Å]",
        shown=0.0,
        type=float,
    )


def add_compile(verb: Any, target: str) -> None:
    """Add the option that compiles training steps."""
    add_option(
        verb,
        "--compile",
        target,
        "compile training steps, which takes a C++ compiler a minute and then saves "
        "time; by default where a training is long enough to gain by it",
        dest="compiles",
        action=argparse.BooleanOptionalAction,
    )


def add_output(verb: argparse.ArgumentParser, text: str) -> None:
    """Add the option for the file that is written."""
    verb.add_argument("--output", required=True, type=file_to_write, help=text)


def count(text: str) -> int:
    """Read a number of at least one."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a whole number of at least 1"
        )
    return int(text)


def open_universe(arguments: Arguments) -> "mda.Universe":
    """Open the input."""
    return read_universe(arguments.topology, arguments.trajectory)


def make_mapping(atoms: "mda.Universe", text: str) -> "Mapping":
    """Build the mapping that was asked for."""
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
    sys.stdout.write(f"{printable(what)}\n")
