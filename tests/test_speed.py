"""What must not happen if things are to be fast, counted and not timed."""

import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from openmm_cgvae.backmapping.backmapper import Backmapper
from openmm_cgvae.backmapping.sampler import Sampler
from openmm_cgvae.data import data_path
from openmm_cgvae.mapping import Mapping
from openmm_cgvae.model import encoder
from openmm_cgvae.model.graphs import batch
from openmm_cgvae.model.layers import neighbour_sums as neighbourhood
from openmm_cgvae.molecules import AtomTable
from openmm_cgvae.structures.openmm_bridge import make_system
from openmm_cgvae.structures.relaxation import minimiser
from openmm_cgvae.structures.relaxation.relaxation import minimise_restrained
from openmm_cgvae.testing import (
    dipeptide,
    toy_batch,
    toy_graph,
    toy_model,
    toy_molecule,
    toy_noise,
    toy_positions,
)
from openmm_cgvae.training.losses import objective

# Operations that wait for a device to hand a number back.
WAITING = {"_local_scalar_dense", "nonzero", "item", "masked_select", "unique"}
MOLECULE = toy_molecule([0, 0, 1, 1, 1, 2])
FORMS = [
    {"messages": "product"},
    {"messages": "sender", "pseudoscalar_init": 1.0},
    {"encoder": "signed", "decoder": "local_frames", "messages": "sender"},
]

forms = pytest.mark.parametrize(
    "form", FORMS, ids=lambda form: "-".join(map(str, form.values()))
)


class Operations(TorchDispatchMode):
    """Count the operations of torch by name."""

    def __init__(self):
        super().__init__()
        self.counts = Counter()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):  # noqa: ARG002
        self.counts[function.overloadpacket.__name__.removeprefix("aten::")] += 1
        return function(*args, **(kwargs or {}))


def step(model, batch):
    result = model(batch, toy_noise(batch))
    objective(model, batch, result, 25.0, 0.05).total.backward()


def count_step(model, n_frames):
    batch = toy_batch(MOLECULE, n_frames)
    with Operations() as operations:
        step(model, batch)
    return operations.counts


@forms
def test_a_step_makes_as_many_calls_for_any_number_of_frames(form):
    model = toy_model(MOLECULE, **form)
    step(model, toy_batch(MOLECULE, 2))
    # From as many frames as nodes on: below that, loops may run over the frames.
    few, many = count_step(model, 8), count_step(model, 80)
    assert sum(few.values()) > 100
    # Larger products are made in parts, a number that depends on the nodes alone.
    assert sum(many.values()) < 2 * sum(few.values())


@forms
def test_a_step_waits_for_no_number(form):
    counts = count_step(toy_model(MOLECULE, **form), 8)
    assert not WAITING & set(counts)


@forms
def test_sampling_makes_as_many_calls_for_any_number_of_frames(form):
    sampler = Sampler(toy_model(MOLECULE, **form), batch_size=2000)

    def calls(n_frames):
        _, beads = toy_positions(MOLECULE, n_frames)
        with Operations() as operations:
            sampler.sample(beads.numpy(), np.arange(n_frames), 2, seed=0)
        return operations.counts

    for n_frames in (300, 600):
        calls(n_frames)  # the static part of the batch is laid out
    few, many = calls(300), calls(600)
    # Larger products are made in parts, a number that depends on the nodes alone.
    assert sum(many.values()) < 1.5 * sum(few.values()) < 1000
    assert not WAITING & set(many)


def calls_of_python(function):
    """Count the calls of functions that read, write and pass on."""
    n_calls = 0

    def count(frame, event, _):
        nonlocal n_calls
        place = frame.f_code.co_filename
        is_ours = "openmm_cgvae/backmapping/streaming" in place or "MDAnalysis" in place
        n_calls += event == "call" and is_ours

    sys.setprofile(count)
    try:
        function()
    finally:
        sys.setprofile(None)
    return n_calls


@pytest.mark.parametrize("ending", ["xtc", "trr"])
def test_a_frame_of_a_file_costs_a_few_calls_of_python(tmp_path, ending, monkeypatch):
    import MDAnalysis as mda

    n_frames = 400
    beads = dipeptide.beads()
    path = tmp_path / f"beads.{ending}"
    with mda.Writer(str(path), 3) as writer:
        for _ in range(n_frames):
            writer.write(beads.atoms)
    beads.load_new(str(path))
    backmapper = Backmapper(beads, dipeptide.untrained(), batch_size=1000)
    monkeypatch.setattr(
        "openmm_cgvae.backmapping.streaming.resumable_run.SECONDS_BETWEEN_SAVES", 60.0
    )

    def calls(stop):
        return calls_of_python(
            lambda: backmapper.run(
                stop=stop, output=tmp_path / f"atoms.{ending}", progress=False
            )
        )

    for stop in (200, 400):
        calls(stop)  # the static part of the batches is laid out
    # To take the frame from the block and give it to the file.
    assert calls(400) - calls(200) <= 200


def test_the_static_graph_is_laid_out_once(monkeypatch):
    laid_out = []
    original = batch.collate
    monkeypatch.setattr(
        batch, "collate", lambda *given: laid_out.append(given) or original(*given)
    )
    graph = toy_graph(MOLECULE)
    for seed in range(4):
        for n_frames in (5, 3):
            graph.batch(toy_positions(MOLECULE, n_frames, seed)[1])
    assert len(laid_out) == 2


@forms
def test_each_graph_of_a_batch_is_made_once(form, monkeypatch):
    made = []
    original = neighbourhood.neighbourhood
    for module in (encoder, neighbourhood):  # of atoms, of beads
        monkeypatch.setattr(
            module,
            "neighbourhood",
            lambda *given: made.append(given) or original(*given),
        )
    model = toy_model(MOLECULE, **form)
    step(model, toy_batch(MOLECULE, 4))
    n_atom_graphs = int(form.get("encoder") != "signed")
    assert len(made) == 1 + n_atom_graphs


def test_nothing_is_summed_under_a_tensor_of_edges_and_channels_and_axes():
    # The largest tensor of a step: pairs x channels of all filters, never x 3.
    model = toy_model(MOLECULE, messages="sender")
    batch = toy_batch(MOLECULE, 2000)
    largest = 0

    class Sizes(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):  # noqa: ARG002
            nonlocal largest
            made = function(*args, **(kwargs or {}))
            if isinstance(made, torch.Tensor) and made.untyped_storage().size():
                size = made.untyped_storage().nbytes() // made.element_size()
                largest = max(largest, size)
            return made

    with Sizes():
        step(model, batch)
    n_beads, n_channels, n_atoms = 3, 8, 6
    per_frame = largest / 2000
    of_pairs = max(4 * n_beads**2 * n_channels, 5 * n_atoms * n_channels)
    assert per_frame < 3 * of_pairs


@pytest.mark.parametrize("n_samples", [1, 6])
def test_one_context_serves_all_samples(n_samples, monkeypatch):
    import MDAnalysis as mda

    universe = mda.Universe(str(data_path("alanine-dipeptide.pdb")))
    table = AtomTable.from_universe(universe)
    contexts = []
    original = minimiser._make_context
    monkeypatch.setattr(
        minimiser,
        "_make_context",
        lambda *given: contexts.append(given) or original(*given),
    )
    generator = np.random.default_rng(0)
    noise = generator.normal(0, 0.02, (n_samples, table.n_atoms, 3))
    minimise_restrained(
        make_system(table),
        universe.atoms.positions + noise,
        Mapping(table.residue_of_atom),
    )
    assert len(contexts) == 1


def test_importing_the_package_loads_nothing_heavy():
    heavy = {"torch", "openmm", "MDAnalysis", "pandas", "lightning", "parmed", "scipy"}
    code = "import sys, openmm_cgvae; print(*sys.modules)"
    made = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, text=True
    )
    assert not heavy & set(made.stdout.split())
