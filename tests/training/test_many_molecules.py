"""One model for many molecules: training, files, molecules it has not seen."""

import MDAnalysis as mda
import numpy as np
import pytest
import torch

from openmm_cgvae.backmapping.sampler import Sampler
from openmm_cgvae.data import data_path
from openmm_cgvae.mapping.schemes import residues
from openmm_cgvae.model import ModelConfig, Molecule, TransferableModel
from openmm_cgvae.model.checkpoint import load_file, read_header, save_model
from openmm_cgvae.model.graphs import MoleculeGraph
from openmm_cgvae.molecules import AtomTable
from openmm_cgvae.testing import assert_same, dipeptide
from openmm_cgvae.training import (
    MolecularDataset,
    TrainingConfig,
    TrainingMolecule,
    train_many,
)

SMALL = {
    "n_channels": 28,
    "n_radial": 4,
    "prior_layers": 1,
    "decoder_layers": 1,
    "refinement_steps": 60,
    "n_latents": 8,
}


@pytest.fixture(scope="module")
def chignolin():
    universe = mda.Universe(
        str(data_path("chignolin.pdb")), str(data_path("chignolin.xtc"))
    )
    frames = [ts.positions.copy() for ts in universe.trajectory[:400:20]]
    return AtomTable.from_universe(universe), residues(universe), np.array(frames)


@pytest.fixture(scope="module")
def molecules(chignolin):
    table = dipeptide.untrained().atom_table
    mapping = dipeptide.untrained().mapping
    frames = dipeptide.positions(24)
    return [
        TrainingMolecule(*chignolin[:2], chignolin[2]),
        TrainingMolecule(table, mapping, frames[:18]),
        TrainingMolecule(table, mapping, frames[18:], is_validation=True),
    ]


@pytest.fixture(scope="module")
def model(molecules):
    return train_many(
        molecules,
        "residue",
        model_options=SMALL,
        training_options={"n_epochs": 3, "batch_size": 40},
        progress=False,
    )


def data_of(molecules, n_beads=40):
    return MolecularDataset.prepare(
        molecules,
        ModelConfig(atom_types="identity"),
        TrainingConfig(batch_size=n_beads, seed=1),
    )


def test_batches_hold_about_as_many_beads_each(molecules):
    data = data_of(molecules)
    for epoch in (0, 1):
        sizes = [batch.n_beads for batch in data.batches(data.train, epoch)]
        assert len(sizes) == len(data.batches(data.train, None))
        assert max(sizes) <= 40 + 12


def test_an_epoch_sees_every_frame_once(molecules):
    data = data_of(molecules)
    rows = np.concatenate(data.batches(data.train, 3).parts)
    assert sorted(map(tuple, rows)) == sorted(map(tuple, data.train))
    other = np.concatenate(data.batches(data.train, 4).parts)
    assert (rows != other).any()


def test_atoms_of_all_molecules_count_alike(molecules):
    data = data_of(molecules)
    (batch,) = [next(iter(data.batches(data.train, 0)))]
    assert batch.is_pooled
    assert batch.n_molecules > 1


def test_processes_divide_the_batches(molecules):
    data = data_of(molecules)
    parts = [list(data.batches(data.train, 0, rank, 2).parts) for rank in (0, 1)]
    assert len(parts[0]) == len(parts[1])
    seen = [tuple(row) for part in parts for rows in part for row in rows]
    assert len(set(seen)) == len(seen)


def test_canonical_labels_had_another_name(molecules):
    with pytest.warns(DeprecationWarning, match="is now `with_canonical_labels`"):
        old = molecules[0].with_standard_labels()
    canonical = molecules[0].with_canonical_labels()
    np.testing.assert_array_equal(old.positions, canonical.positions)


def test_frames_keep_their_beads(molecules):
    data = data_of(molecules)
    for number, molecule in enumerate(molecules):
        beads = molecule.mapping.project(data.atoms[number].double().numpy())
        assert np.abs(beads - data.beads[number].numpy()).max() < 1e-5


def test_a_molecule_in_a_batch_is_decoded_as_alone(model, molecules):
    data = data_of(molecules)
    batch = next(iter(data.batches(data.train, 0)))
    noise = torch.zeros(batch.n_beads, model.n_latents)
    with torch.inference_mode():
        together = model(batch, noise).positions
        start = 0
        for molecule, frame in data.batches(data.train, 0).parts[0].tolist():
            one = data.graphs[molecule].batch(
                data.beads[molecule][[frame]], data.atoms[molecule][[frame]]
            )
            alone = model(one, noise[: one.n_beads]).positions
            assert_same(together[start : start + one.n_atoms], alone, 1e-4)
            start += one.n_atoms


def test_a_molecule_is_made_from_its_beads(model, chignolin):
    table, mapping, frames = chignolin
    ready = model.for_molecule(Molecule(table, mapping))
    beads = mapping.project(frames[:2].astype(float))
    made = Sampler(ready).sample(beads, np.arange(2), n=3, seed=0)
    assert made.shape == (2, 3, 175, 3)
    assert np.abs(mapping.project(made) - beads[:, None]).max() < 1e-9


def test_samples_have_the_correct_chirality(model, chignolin):
    table, mapping, frames = chignolin
    ready = model.for_molecule(Molecule(table, mapping))
    made = Sampler(ready).sample(mapping.project(frames[:3]), np.arange(3), n=4, seed=1)
    rows = table.stereocentres
    arms = made[:, :, rows[:, 1:]] - made[:, :, rows[:, :1]]
    assert (np.linalg.det(arms) > 0).mean() > 0.9


def test_a_file_gives_the_model_back(model, chignolin, tmp_path):
    path = save_model(model, tmp_path / "many.cgvae")
    again = load_file(path)
    assert isinstance(again, TransferableModel)
    assert repr(again) == repr(model)
    assert again.bead_family == "residue"
    assert again.geometry.pairs == model.geometry.pairs
    assert again.geometry.stereocentres == model.geometry.stereocentres
    assert read_header(path)["mapping"] is None
    molecule = Molecule(*chignolin[:2])
    beads = chignolin[1].project(chignolin[2][:1].astype(float))
    made = [
        Sampler(each.for_molecule(molecule)).sample(beads, np.arange(1), 2, 0)
        for each in (model, again)
    ]
    np.testing.assert_array_equal(*made)


def test_unknown_atoms_are_named(model, chignolin):
    table, mapping, _ = chignolin
    plain = table.to_dict()
    plain["residue_names"][0] = "XYZ"
    molecule = Molecule(AtomTable.from_dict(plain), mapping)
    with pytest.raises(ValueError, match="atom types the model does not know: XYZ"):
        model.for_molecule(molecule).graph()


@pytest.mark.parametrize("held_out", [(), (0, 1, 2)])
def test_something_has_to_be_held_out_and_something_left(molecules, held_out):
    chosen = [
        TrainingMolecule(m.atom_table, m.mapping, m.positions, number in held_out)
        for number, m in enumerate(molecules)
    ]
    with pytest.raises(ValueError, match="some have to be held out"):
        train_many(chosen, "residue", progress=False)


def test_a_run_that_was_stopped_goes_on(model, molecules, tmp_path):
    options = {
        "model_options": SMALL,
        "run_directory": tmp_path,
        "progress": False,
    }
    settings = {"n_epochs": 3, "batch_size": 40}

    class StoppedError(Exception):
        pass

    def stop(*_):
        if (tmp_path / "last.ckpt").exists():
            raise StoppedError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            MolecularDataset, "batches", _stopping(MolecularDataset.batches, stop)
        )
        with pytest.raises(StoppedError):
            train_many(molecules, "residue", training_options=settings, **options)
    again = train_many(molecules, "residue", training_options=settings, **options)
    for name, weight in model.state_dict().items():
        assert_same(again.state_dict()[name], weight, 1e-6)


def test_the_prior_is_fitted_in_the_end(model, molecules):
    """Encoder and decoder as they were; with another dropout to another prior."""
    settings = {"n_epochs": 3, "batch_size": 40, "prior_epochs": 1}
    plain, forgetful = (
        train_many(
            molecules,
            "residue",
            model_options=SMALL,
            training_options=settings | {"prior_dropout": fraction},
            progress=False,
        ).state_dict()
        for fraction in (0.0, 0.5)
    )
    before = model.state_dict()
    for name, weight in before.items():
        is_of_prior = name.startswith("prior.") and not torch.equal(plain[name], weight)
        assert is_of_prior or torch.equal(plain[name], weight)
    changed = [n for n in before if not torch.equal(plain[n], before[n])]
    assert changed
    assert any(not torch.equal(plain[n], forgetful[n]) for n in changed)


def _stopping(batches, stop):
    def with_stop(*arguments):
        stop()
        return batches(*arguments)

    return with_stop


def test_the_graph_of_a_molecule_is_that_of_its_records(model, chignolin):
    ready = model.for_molecule(Molecule(*chignolin[:2]))
    graph = ready.graph()
    wanted = MoleculeGraph.from_records(*chignolin[:2], model.vocabulary)
    assert torch.equal(graph.atom_types, wanted.atom_types)
