"""Discrete latents: laws of models with a codebook, of codes and of their prior."""

import math

import numpy as np
import pytest
import torch

from openmm_cgvae.backmapping.sampler import Sampler
from openmm_cgvae.model import GeometryStatistics, ModelConfig, TransferableModel
from openmm_cgvae.model.checkpoint import load_file, read_header, save_model
from openmm_cgvae.model.code_prior import draw_codes
from openmm_cgvae.model.codebook import Codebook, bead_types_of
from openmm_cgvae.model.graphs import collate
from openmm_cgvae.model.k_means import k_means
from openmm_cgvae.testing import (
    MOLECULE,
    SINGLE,
    SMALLER,
    VOCABULARY,
    GraphModelLaws,
    assert_different,
    assert_invariant,
    assert_same,
    dipeptide,
    random_isometry,
    toy_batch,
    toy_config,
    toy_graph,
    toy_model,
    toy_molecule,
    toy_noise,
    toy_positions,
)

CODES = {
    **dict.fromkeys(("encoder", "decoder", "prior_input"), "bonded_frames"),
    "messages": "oriented",
    "n_codes": 4,
    "n_subcodes": 3,
}
CHAIN = toy_molecule([*range(9), 9, 9])
KNOWN = [
    MOLECULE,
    SMALLER,
    SINGLE,
    CHAIN,
    toy_molecule([0, 0, 0, 1, 1]),
    toy_molecule([0, 1, 2, 2]),
]


def codebook():
    """One of random conformations, not all codes of which exist."""
    types = [
        kind
        for each in KNOWN
        for kind in bead_types_of(each.atom_table, each.mapping, VOCABULARY)
    ]
    book = Codebook(types, VOCABULARY, n_codes=4, n_subcodes=3)
    for centroids in (book.coarse, book.fine):
        centroids.normal_()
    book.coarse_log_frequency[:, :3] = torch.log(torch.tensor([0.5, 0.3, 0.2]))
    book.fine_log_frequency[:, :, :2] = math.log(0.5)
    return book


def of_many(**options):
    return TransferableModel(
        toy_config(**{**CODES, **options}),
        VOCABULARY,
        "toy",
        GeometryStatistics(),
        codebook=codebook(),
    )


class TestModelWithCodes(GraphModelLaws):
    @pytest.fixture
    def model(self, double_precision):  # noqa: ARG002
        return of_many().for_molecule(MOLECULE)

    def test_a_bead_beyond_the_cutoff_changes_nothing(self, model):
        # The encoder reaches as far as bonds do; a reference may be at any distance.
        near = toy_batch(CHAIN)
        noise = toy_noise(near, model.n_latents)
        is_last = near.bead_of_atom == near.n_beads - 1
        results = []
        for further in (3.0, 30.0):
            shift = torch.tensor([20 * model.config.bead_cutoff + further, 0.0, 0.0])
            moved = near.with_positions(
                near.bead_positions + shift * (torch.arange(10) == 9)[:, None],
                near.atom_positions + shift * is_last[:, None],
            )
            results.append(model(moved, noise).posterior.mean)
        assert_same(results[0][:3], results[1][:3])

    def test_a_network_of_zeros_keeps_the_beads(self, model, batch):
        """All weights zero: heavy atoms are where the codes have them, recentred."""
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.zero_()
        noise = toy_noise(batch, model.n_latents)
        coded = model.codebook.read(batch)
        start = coded.displacements(coded.codes())
        mean = torch.zeros_like(batch.bead_positions).index_add(
            0, batch.bead_of_atom, batch.weights[:, None] * start
        )
        expected = (batch.bead_positions - mean)[batch.bead_of_atom] + start
        assert_same(model(batch, noise).positions, expected)

    def test_codes_are_invariant_under_rotation_and_translation(self, model, batch):
        def codes(batch):
            return model.codebook.read(batch).codes().double()

        assert_invariant(codes, batch, random_isometry(3))

    def test_cross_entropy_is_invariant_and_of_the_prior(self, model, batch):
        noise = toy_noise(batch, model.n_latents)

        def cross_entropy(batch):
            return model(batch, noise).code_cross_entropy

        assert_invariant(cross_entropy, batch, random_isometry(4))
        # Over all codes of a bead probabilities add up to one.
        coded, edges = model.codebook.read(batch), model._bead_graph(batch)
        total = torch.zeros(batch.n_beads)
        for code in range(4):
            for subcode in range(3):
                codes = torch.tensor([[code, subcode]]).expand(batch.n_beads, 2)
                total += torch.exp(-model.prior.cross_entropy(coded, codes, edges))
        assert_same(total, torch.ones(batch.n_beads))

    def test_codes_at_temperature_zero_do_not_depend_on_noise(self, model, batch):
        noises = [toy_noise(batch, model.n_latents, seed=seed) for seed in (0, 1)]
        first, second = (model.sample_at(batch, noise, 0.0) for noise in noises)
        assert_same(first, second)
        assert_different(model.sample(batch, noises[0]), first)

    def test_noise_of_codes_chooses_codes(self, model, batch):
        noise = toy_noise(batch, model.n_latents)
        other = noise.clone()
        other[:, -2:] = -other[:, -2:]
        assert_different(model.sample(batch, noise), model.sample(batch, other))


class TestDrawnCodes:
    def test_have_the_frequencies_of_the_prior(self):
        logits = torch.log(torch.tensor([0.1, 0.6, 0.3])).expand(1000, 3)
        uniforms = (torch.arange(1000) + 0.5) / 1000
        counts = torch.bincount(draw_codes(logits, uniforms, 1.0))
        assert counts.tolist() == [100, 600, 300]

    def test_at_temperature_zero_are_the_most_likely(self):
        logits = torch.randn(50, 6)
        assert_same(draw_codes(logits, torch.rand(50), 0.0), logits.argmax(1), 0.0)

    def test_at_a_low_temperature_are_nearly_always_the_most_likely(self):
        logits = torch.log(torch.tensor([0.1, 0.6, 0.3])).expand(1000, 3)
        uniforms = (torch.arange(1000) + 0.5) / 1000
        counts = torch.bincount(draw_codes(logits, uniforms, 0.2), minlength=3)
        assert counts[1] == round(1000 * 0.6**5 / (0.6**5 + 0.3**5 + 0.1**5))

    @pytest.mark.parametrize("uniform", [0.0, 1.0])
    def test_exist_for_the_ends_of_the_interval(self, uniform):
        logits = torch.tensor([[0.0, 0.0, -1e4, -1e4]])
        assert draw_codes(logits, torch.tensor([uniform]), 1.0).item() in (0, 1)


class TestCodebook:
    def test_codes_are_those_of_the_nearest_conformation(self):
        book = codebook()
        # Structures made of the conformations themselves have their codes.
        atoms, beads = toy_positions(MOLECULE)
        batch = toy_graph(MOLECULE).batch(beads, atoms)
        coded = book.read(batch)
        book.coarse.copy_(book.fine.mean(2) * 10)
        book.fine.copy_(book.coarse[:, :, None] + 0.1 * torch.randn_like(book.fine))
        codes = torch.tensor([[2, 1], [0, 0], [1, 1], [2, 0]])
        placed = beads[0][batch.bead_of_atom] + coded.displacements(codes)
        made = book.read(batch.with_positions(beads[0], placed))
        assert_same(made.codes(), codes, 0.0)

    def test_frequencies_add_up_and_one_level_is_enough(self):
        atoms, beads = toy_positions(MOLECULE, n_frames=200)
        types = bead_types_of(MOLECULE.atom_table, MOLECULE.mapping, VOCABULARY)
        book = Codebook(types, VOCABULARY, n_codes=2, n_subcodes=1)
        book.learn([toy_graph(MOLECULE).batch(beads, atoms)])
        assert torch.isfinite(book.fine).all()
        frequencies = torch.exp(book.coarse_log_frequency)
        assert_same(frequencies.sum(1), torch.ones(len(frequencies)), 1e-6)
        # One level alone is the other divided into one.
        assert_same(book.fine[:, :, 0], book.coarse, 1e-4)

    def test_is_learned_the_same_with_the_same_seed(self):
        atoms, beads = toy_positions(MOLECULE, n_frames=100)
        graph = toy_graph(MOLECULE)
        types = bead_types_of(MOLECULE.atom_table, MOLECULE.mapping, VOCABULARY)
        books = []
        for _ in range(2):
            book = Codebook(types, VOCABULARY, n_codes=3, n_subcodes=2)
            book.learn([graph.batch(beads, atoms)], seed=4)
            books.append(book)
        assert_same(books[0].fine, books[1].fine, 0.0)

    def test_a_molecule_of_other_beads_is_refused(self):
        strange = toy_molecule([0, 0, 0, 0, 0, 0, 1])
        with pytest.raises(ValueError, match="the heavy atoms 6 6 7 8, for which the "):
            of_many().for_molecule(strange)
        with pytest.raises(ValueError, match="beads of other heavy atoms than the mod"):
            codebook().read(toy_batch(strange))

    def test_codes_of_beads_alone_are_refused(self):
        batch = toy_batch(MOLECULE)
        coded = codebook().read(batch.with_positions(batch.bead_positions))
        with pytest.raises(ValueError, match="no atom positions but codes are those"):
            coded.codes()

    def test_types_do_not_depend_on_the_batch(self):
        book = codebook()
        graphs = [toy_graph(each) for each in (MOLECULE, SINGLE, SMALLER)]
        together = book.read(collate(graphs))
        alone = [book.read(collate([graph])) for graph in graphs]
        assert_same(together.bead_types, torch.cat([b.bead_types for b in alone]), 0.0)
        assert_same(
            together.slot_of_atom, torch.cat([b.slot_of_atom for b in alone]), 0.0
        )


class TestFiles:
    def test_a_model_with_codes_comes_back(self, tmp_path):
        model = of_many()
        path = save_model(model, tmp_path / "codes.cgvae")
        again = load_file(path)
        assert again.codebook.bead_types == model.codebook.bead_types
        batch = toy_batch(MOLECULE)
        noise = toy_noise(batch, model.n_latents)
        made, other = (m.for_molecule(MOLECULE) for m in (model.eval(), again))
        assert_same(made.sample(batch, noise), other.sample(batch, noise), 0.0)

    def test_a_model_of_one_molecule_comes_back(self, tmp_path):
        model = toy_model(**CODES).eval()
        model.learn_geometry(toy_positions(MOLECULE, n_frames=100)[0])
        again = load_file(save_model(model, tmp_path / "codes.cgvae"))
        assert_same(again.codebook.fine, model.codebook.fine, 0.0)

    def test_half_precision_halves_the_file_and_is_read_as_single(self, tmp_path):
        model = of_many(n_channels=32)
        whole = save_model(model, tmp_path / "whole.cgvae")
        half = save_model(model, tmp_path / "half.cgvae", half_precision=True)
        assert half.stat().st_size < 0.7 * whole.stat().st_size
        again = load_file(half)
        assert {p.dtype for p in again.parameters()} == {torch.float32}
        for name, weight in model.named_parameters():
            torch.testing.assert_close(
                again.state_dict()[name], weight, rtol=1e-3, atol=1e-5
            )
        second = save_model(again, tmp_path / "again.cgvae", half_precision=True)
        assert second.read_bytes() == half.read_bytes()

    def test_the_header_names_the_types_of_beads(self, tmp_path):
        path = save_model(of_many(), tmp_path / "codes.cgvae")
        assert ["6", "8"] in read_header(path)["kinds"]["bead_types"]


class TestConfig:
    def test_codes_need_oriented_messages(self):
        with pytest.raises(
            ValueError, match="`n_codes` is 4 but messages are 'product"
        ):
            ModelConfig(n_codes=4)

    def test_subcodes_need_codes(self):
        with pytest.raises(
            ValueError, match="`n_subcodes` is 3 but there are no codes"
        ):
            ModelConfig(n_subcodes=3)

    def test_a_model_of_many_needs_a_codebook_where_there_are_codes(self):
        with pytest.raises(
            ValueError, match="`codebook` is missing but the config has"
        ):
            TransferableModel(
                toy_config(**CODES), VOCABULARY, "toy", GeometryStatistics()
            )

    def test_discrete_latents_count(self):
        assert of_many(n_latents=5).for_molecule(MOLECULE).n_latents == 7


def test_k_means_finds_clusters_far_apart():
    truth = torch.arange(300) % 3
    points = 10.0 * truth[:, None] + 0.1 * torch.randn(300, 2)
    _, clusters = k_means(points, 3, torch.Generator().manual_seed(1))
    pairs = {(int(a), int(b)) for a, b in zip(truth, clusters, strict=True)}
    assert len(pairs) == 3


def test_reconstructions_of_the_sampler_keep_the_beads():
    model = dipeptide.untrained(atom_types="identity", **CODES)
    frames = dipeptide.positions(40)
    model.learn_geometry(torch.as_tensor(frames, dtype=torch.float32))
    made = Sampler(model).reconstruct(frames)
    np.testing.assert_allclose(
        model.mapping.project(made), model.mapping.project(frames), atol=1e-4
    )
