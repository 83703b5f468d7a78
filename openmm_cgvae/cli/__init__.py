"""The command line: every verb parses, calls one function and prints its result."""

import argparse
import logging
import sys
import warnings
from collections.abc import Sequence

from openmm_cgvae._runtime.printable import printable
from openmm_cgvae._runtime.run_folder import StoppedError
from openmm_cgvae.cli.benchmark import add_benchmark_settings, as_typed
from openmm_cgvae.cli.files import check_files
from openmm_cgvae.cli.train import add_settings
from openmm_cgvae.cli.verbs import VERBS

__all__ = ["main", "make_parser"]


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

    Raises
    ------
    SystemExit
        With 2 where the words make no command, with 0 after help.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    has_settings = words[:1] in (["train"], ["benchmark"])
    parser = make_parser(knows_settings=has_settings)
    with warnings.catch_warnings(record=True) as old_flags:
        warnings.simplefilter("always")
        parsed = parser.parse_args(words)
    for warning in old_flags:
        sys.stderr.write(f"openmm-cgvae: {warning.message}\n")
    parsed.command = as_typed(words)
    # Lightning announces its hardware and its sponsors at every start.
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            # Remarks on columns that files lack, and on what Lightning itself uses.
            warnings.filterwarnings("ignore", module="MDAnalysis|lightning")
            check_files(parsed)
            parsed.run(parsed)
    except KeyError:
        raise  # never about the input
    except (ValueError, LookupError, OSError, ImportError, StoppedError) as error:
        sentence = printable(" ".join(str(error).split()))
        sys.stderr.write(f"openmm-cgvae: {sentence}\n")
        return 1
    except KeyboardInterrupt:
        goes_on = "; the same command goes on from here" if parsed.goes_on else ""
        sys.stderr.write(f"openmm-cgvae: stopped{goes_on}\n")
        return 130
    return 0


def make_parser(*, knows_settings: bool = True) -> argparse.ArgumentParser:
    """Build the parser of all verbs.

    Parameters
    ----------
    knows_settings : bool
        Whether ``train`` and ``benchmark`` have the options of the config records.
        To read these takes seconds, which other verbs need not wait for.

    Returns
    -------
    argparse.ArgumentParser
        The parser.
    """
    parser = argparse.ArgumentParser(
        prog="openmm-cgvae",
        description="Backmapping of coarse-grained beads to atoms.",
    )
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    for add in VERBS:
        add(verbs)
    if knows_settings:
        add_settings(verbs.choices["train"])
        add_benchmark_settings(verbs.choices["benchmark"])
    return parser
