"""Compiled training steps: the same gradients, or a warning and none."""

import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import torch

from openmm_cgvae.mapping import Mapping
from openmm_cgvae.testing import toy_batch, toy_model, toy_molecule, toy_noise
from openmm_cgvae.testing.dipeptide import BEADS, trembling
from openmm_cgvae.training import compiling, train
from openmm_cgvae.training.compiling import CompiledLosses
from openmm_cgvae.training.losses import objective

MOLECULE = toy_molecule([0, 0, 1, 1, 1, 2])
SIZES = {"n_channels": 10, "n_radial": 3, "prior_layers": 1, "decoder_layers": 1}


class Losses:
    """A loss of a toy model."""

    def __init__(self, **form):
        self.model = toy_model(MOLECULE, **form)

    def losses(self, batch, noise, *weights):
        return objective(
            self.model, batch, self.model(batch, noise), *weights
        ).to_dict()

    def compiled(self):
        return CompiledLosses(self.losses, self.model.parameters())


def short(compiles=None, fine_tuning_epochs=0):
    options = {
        "n_epochs": 1,
        "batch_size": 32,
        "fine_tuning_epochs": fine_tuning_epochs,
    }
    model = train(
        trembling(120),
        Mapping(BEADS),
        model_options=SIZES,
        training_options=options,
        progress=False,
        compiles=compiles,
    )
    return torch.cat([weight.detach().flatten() for weight in model.parameters()])


def step(losses, n_molecules=3):
    batch = toy_batch(MOLECULE, n_molecules)
    return losses(batch, toy_noise(batch), 25.0, 0.05)


@pytest.fixture
def compiler(monkeypatch):
    """Stand in for the compiler: give the function, or what is put in its place."""
    made = []

    def put(change=lambda made: made):
        def compile_(function, **_):
            def compiled(*given):
                made.append(given)
                return change(function(*given))

            return compiled

        monkeypatch.setattr(torch, "compile", compile_)
        return made

    return put


def test_batches_of_the_first_size_alone_are_compiled_for(compiler):
    made = compiler()
    losses = Losses()
    compiled = losses.compiled()
    for n_molecules in (3, 3, 2, 3):
        step(compiled, n_molecules)
    assert [batch.n_molecules for batch, *_ in made] == [3, 3, 3, 3]
    # Numbers that change from step to step are given as tensors.
    assert all(isinstance(number, torch.Tensor) for number in made[0][2:])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda terms: {**terms, "total": 2 * terms["total"]}, r"gradients are 1\.0e"),
        (lambda terms: terms.missing, "no attribute 'missing'"),
    ],
)
def test_a_compiler_that_errs_is_found_out(compiler, change, said):
    compiler(change)
    losses = Losses()
    expected = step(losses.losses)
    compiled = losses.compiled()
    with pytest.warns(UserWarning, match=f"could not be compiled .*{said}"):
        made = step(compiled)
    assert torch.equal(made["total"], expected["total"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert torch.equal(step(compiled)["total"], expected["total"])


def test_a_training_that_cannot_be_compiled_goes_on_without(compiler):
    def fails(_):
        raise RuntimeError("no compiler\nfor miles")

    compiler(fails)
    expected = short()
    with pytest.warns(UserWarning, match=r"\(no compiler\); they run without it"):
        made = short(compiles=True)
    assert torch.equal(made, expected)


def test_long_trainings_are_compiled_where_there_is_a_compiler(monkeypatch):
    monkeypatch.setattr(compiling.shutil, "which", lambda name: name == "g++")
    assert compiling.pays(compiling.FEWEST_STEPS)
    assert not compiling.pays(compiling.FEWEST_STEPS - 1)
    monkeypatch.setattr(compiling.shutil, "which", lambda _: None)
    assert not compiling.pays(compiling.FEWEST_STEPS)


def test_a_training_that_is_long_enough_is_compiled(compiler, monkeypatch):
    made = compiler()
    expected = short(fine_tuning_epochs=1)
    assert not made
    monkeypatch.setattr(compiling, "FEWEST_STEPS", 1)
    torch.testing.assert_close(short(fine_tuning_epochs=1), expected)
    n_steps = len(made)
    assert n_steps
    # One process may train one model after another.
    torch.testing.assert_close(short(fine_tuning_epochs=1), expected)
    assert len(made) == 2 * n_steps


# Checks of types, which tests switch on, are not for the compiler: this runs in a
# process without them.
COMPILED = """
import sys
import warnings

import torch

sys.path[:0] = [{tests!r}, {tests!r} + "/training"]
original = torch.compile
if {backend!r}:
    def compile_(function, *, options, **settings):
        return original(function, backend={backend!r}, **settings)
    torch.compile = compile_
from test_compiling import Losses, step

from openmm_cgvae.model.layers.kernels import fast_linear as products

products.PREFERS_ONEDNN, products.LEAST_PRODUCT = {onednn!r}, 1
warnings.simplefilter("error")  # what old libraries say when imported is no matter

for form in {forms!r}:
    torch.manual_seed(0)
    compiled = Losses(**form).compiled()
    step(compiled)  # warns, which is an error, if gradients differ
    step(compiled)
    print(torch._dynamo.utils.counters["stats"]["unique_graphs"])
"""
FORMS = {
    "printed": {"messages": "product"},
    "sender": {"messages": "sender", "pseudoscalar_init": 1.0},
    "local frames": {
        "encoder": "signed",
        "decoder": "local_frames",
        "messages": "sender",
    },
    "bonded frames": {
        "encoder": "bonded_frames",
        "decoder": "bonded_frames",
        "prior_input": "bonded_frames",
        "messages": "sender",
    },
}


def run(backend, forms, *, onednn=False):
    tests = str(Path(__file__).parents[1])
    code = COMPILED.format(tests=tests, backend=backend, forms=forms, onednn=onednn)
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    return [int(line) for line in made.stdout.split()]


def test_every_form_is_traced_whole():
    # One graph each, though the second step is another one.
    assert run("eager", list(FORMS.values())) == [1, 2, 3, 4]


def test_products_by_onednn_are_traced_and_differentiated():
    assert run("aot_eager", [FORMS["sender"]], onednn=True) == [1]


@pytest.mark.slow
@pytest.mark.parametrize("onednn", [False, True])
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_compiled_slopes_are_those_of_the_network(form, onednn):
    run("", [form], onednn=onednn)
