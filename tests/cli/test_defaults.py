"""Defaults of the command line are those of the functions and records behind it."""

import argparse
import importlib
import inspect
from dataclasses import MISSING, fields, is_dataclass

import pytest

from openmm_cgvae.cli import main, make_parser
from openmm_cgvae.data import SYSTEMS
from openmm_cgvae.evaluation.experiments.benchmark_systems import BENCHMARK_SYSTEMS
from openmm_cgvae.model import ModelConfig
from openmm_cgvae.simulation.reference.systems import SYSTEMS as SIMULATED
from openmm_cgvae.training import TrainingConfig

# Options that stand for no parameter, and why.
OF_ANY_VERB = {
    "--help": "of the parser itself",
    "--topology": "a Universe is made of it and --trajectory",
    "--trajectory": "a Universe is made of it and --topology",
    "--mapping": "a Mapping is made of its text",
    "--output": "what is written; it has to be named",
}
OF_A_VERB = {
    "simulate proteins": {"--structures": "what is read; it has to be named"},
    "map": {
        "--output-topology": "a file that is written besides",
        "--save-mapping": "a file that is written besides",
        "--picture": "a file that is written besides",
    },
    "train": {
        "--molecules": "training_molecules reads them",
        "--beads": "of training_molecules; goes with --molecules",
        "--preset": "train and train_many have different ones, and the help has both",
        "--run-directory": "beside the model, so that the same command goes on",
    },
    "sample": {
        "--seed": "same words, same file, where Backmapper.sample draws one",
        "--frame": "chooses between Backmapper.run and Backmapper.sample",
        "--report": "a file that is written besides",
    },
    "report": {
        "beads": "a Universe is made of it and --trajectory",
        "--frame": "of the Universe",
        "--n": "a page shows several, where Backmapper.sample makes one",
        "--seed": "same words, same page, where Backmapper.sample draws one",
        "--html": "a file that is written besides",
    },
    "evaluate": {"--model": "load_model reads it; it has to be named"},
    "info": {"model": "read_header reads it"},
    "benchmark": {"--quick": "calls BenchmarkConfig.quick"},
}
PRESET_DECIDES = (ModelConfig, TrainingConfig)


def parsers(parser, words=()):
    """Every verb with its parser."""
    inner = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    if words and not inner:
        yield " ".join(words), parser
    for action in inner:
        for name, verb in action.choices.items():
            yield from parsers(verb, (*words, name))


VERBS = dict(parsers(make_parser()))
EVERY_OPTION = [
    pytest.param(verb, action, id=f"{verb} {name_of}")
    for verb, parser in VERBS.items()
    for action in parser._actions
    if action.help != argparse.SUPPRESS
    for name_of in [(action.option_strings or [action.dest])[-1]]
]


def flag_of(action):
    return (action.option_strings or [action.dest])[-1].replace("--no-", "--")


def found(path):
    """The function, record or instance at a path in the package."""
    home, _, name = f"openmm_cgvae.{path}".rpartition(".")
    try:
        return getattr(importlib.import_module(home), name)
    except ModuleNotFoundError:
        owner = found(home.removeprefix("openmm_cgvae."))
        return getattr(owner, name)


def default_of(target, name):
    if is_dataclass(target) and not inspect.isclass(target):
        return getattr(target, name)
    if is_dataclass(target):
        (default,) = [f.default for f in fields(target) if f.name == name]
        return None if default is MISSING else default
    default = inspect.signature(target).parameters[name].default
    return None if default is inspect.Parameter.empty else default


@pytest.mark.parametrize(("verb", "action"), EVERY_OPTION)
def test_every_default_is_the_librarys(verb, action):
    stands_for = VERBS[verb].get_default("stands_for")
    if action.dest not in stands_for:
        reasons = OF_ANY_VERB | OF_A_VERB.get(verb, {})
        assert flag_of(action) in reasons, "stands for nothing in the library"
        return
    assert action.default is argparse.SUPPRESS  # handed over only where given
    targets, shown = stands_for[action.dest]
    for target in map(found, targets):
        default = default_of(target, action.dest)
        if target in PRESET_DECIDES:
            assert shown is None
        elif isinstance(action, argparse._StoreTrueAction | argparse._StoreFalseAction):
            assert action.const == (not default)
        elif isinstance(default, int | float | str) and default != "":
            assert shown == default
            said = f"({shown:g})" if isinstance(shown, float) else f"({shown})"
            assert action.help.endswith(said)
        else:
            assert shown in (None, (), "", default)


def test_reasons_are_of_options_that_exist():
    for verb, reasons in OF_A_VERB.items():
        flags = {flag_of(action) for action in VERBS[verb]._actions}
        assert set(reasons) <= flags
        assert not set(reasons) & set(OF_ANY_VERB)


def test_systems_are_simulated_and_benchmarked_by_the_same_names():
    assert SYSTEMS == tuple(SIMULATED) == tuple(BENCHMARK_SYSTEMS)
    assert {f"simulate {name}" for name in SYSTEMS} <= set(VERBS)


class TestOldFlags:
    SAMPLE = ("--topology", "no.pdb", "--output", "a.pdb")
    TRAIN = ("--output", "m.cgvae")
    BENCHMARK = ("chignolin", "--output", "folder")

    @pytest.mark.parametrize(
        ("words", "new", "value"),
        [
            (("sample", *SAMPLE, "--spread", "0"), "--temperature", 0.0),
            (("train", *TRAIN, "--settling-steps", "3"), "--refinement-steps", 3),
            (("train", *TRAIN, "--polish-epochs", "2"), "--fine-tuning-epochs", 2),
            (("train", *TRAIN, "--prior-widening", "1.5"), "--prior-temperature", 1.5),
            (("train", *TRAIN, "--widens-prior"), "--fits-prior-temperature", True),
            (
                ("train", *TRAIN, "--no-widens-prior"),
                "--no-fits-prior-temperature",
                False,
            ),
            (
                ("benchmark", *BENCHMARK, "--polish-epochs", "1"),
                "--fine-tuning-epochs",
                1,
            ),
        ],
    )
    def test_do_what_the_new_ones_do(self, words, new, value):
        old = [word for word in words if word.startswith("--")][-1]
        with pytest.warns(DeprecationWarning, match=f"`{old}` is now `{new}`"):
            parsed = make_parser().parse_args(words)
        name = new.removeprefix("--").removeprefix("no-").replace("-", "_")
        assert getattr(parsed, name) == value

    def test_are_one_line_on_the_command_line(self, capsys):
        words = ["sample", *self.SAMPLE, "--spread", "0"]
        assert main(words) == 1
        first, second = capsys.readouterr().err.splitlines()
        assert first == (
            "openmm-cgvae: `--spread` is now `--temperature`; the old name goes with "
            "the next release"
        )
        assert "no.pdb" in second

    @pytest.mark.parametrize("verb", ["sample", "train", "benchmark"])
    def test_are_not_shown_by_help(self, verb):
        said = VERBS[verb].format_help()
        for old in ("spread", "settling", "polish", "widens", "widening"):
            assert f"--{old}" not in said
