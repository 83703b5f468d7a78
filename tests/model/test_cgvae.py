import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from openmm_cgvae.model import CGVAE
from openmm_cgvae.testing import (
    MOLECULE,
    VOCABULARY,
    GraphModelLaws,
    assert_different,
    assert_equivariant,
    assert_invariant,
    assert_same,
    random_isometry,
    toy_batch,
    toy_config,
    toy_model,
    toy_molecule,
    toy_noise,
)

FORMS = [
    {"encoder": encoder, "decoder": decoder, "messages": messages}
    for encoder, decoder, messages in itertools.product(
        ("distances", "signed"), ("vectors", "local_frames"), ("product", "sender")
    )
] + [
    {"pseudoscalar_init": 1.0, "mixes_vectors": True},
    {"atom_degree": 5.0, "pool_degree": 3.0, "bead_degree": 2.0},
    {"prior": "flow", "flow_layers": 3},
    {"n_latents": 3},
    {"n_latents": 3, "prior": "flow", "flow_layers": 2},
]
BONDED = dict.fromkeys(("encoder", "decoder", "prior_input"), "bonded_frames")

pytestmark = pytest.mark.usefixtures("double_precision")


def name_of(form):
    return "-".join(map(str, form.values()))


class TestEveryForm(GraphModelLaws):
    @pytest.fixture(params=FORMS, ids=name_of)
    def model(self, request, double_precision):  # noqa: ARG002
        model = toy_model(**request.param)
        with torch.no_grad():  # a flow starts as the identity; let it bend
            for weight in model.prior.parameters():
                weight += 0.1 * torch.randn_like(weight)
        return model


class TestBondedFrames(GraphModelLaws):
    @pytest.fixture
    def model(self, double_precision):  # noqa: ARG002
        return toy_model(**BONDED)

    def test_a_bead_beyond_the_cutoff_changes_nothing(self, model):
        # The encoder reaches as far as bonds do; a reference may be at any distance.
        chain = toy_molecule([*range(9), 9, 9])
        near = toy_batch(chain)
        noise = toy_noise(near, model.n_latents)
        is_last = near.bead_of_atom == near.n_beads - 1
        results = []
        for further in (3.0, 30.0):
            shift = torch.tensor([20 * model.config.bead_cutoff + further, 0.0, 0.0])
            moved = near.with_positions(
                near.bead_positions + shift * (torch.arange(10) == 9)[:, None],
                near.atom_positions + shift * is_last[:, None],
            )
            made = model(moved, noise)
            results.append(made.posterior.mean)
        assert_same(results[0][:3], results[1][:3])
        assert_different(results[0][-1], results[1][-1])

    def test_the_prior_is_not_invariant_under_reflection(self, model, batch):
        mirror = batch.bead_positions * torch.tensor([1.0, 1.0, -1.0])
        made = model.prior(batch).mean
        other = model.prior(batch.with_positions(mirror)).mean
        assert_different(made, other)


class TestOrientedMessages(TestBondedFrames):
    @pytest.fixture
    def model(self, double_precision):  # noqa: ARG002
        return toy_model(**BONDED, messages="oriented")

    def test_only_frames_can_orient(self):
        with pytest.raises(ValueError, match="make the first three 'bonded_frames'"):
            toy_config(messages="oriented")

    def test_neighbours_are_left_out_in_training_alone(self, model, batch):
        options = {**BONDED, "messages": "oriented"}
        forgetful = toy_model(**options, message_dropout=0.5)
        forgetful.load_state_dict(model.state_dict())
        noise = toy_noise(batch)
        made = model(batch, noise).positions
        assert_same(forgetful.eval()(batch, noise).positions, made)
        assert_different(forgetful.train()(batch, noise).positions, made)

    @pytest.mark.parametrize(
        ("options", "sentence"),
        [
            ({"message_dropout": 0.1}, "messages are 'product', which have none"),
            (
                {**BONDED, "messages": "oriented", "message_dropout": 1.0},
                "`message_dropout` is 1.0 but must be less than 1",
            ),
        ],
    )
    def test_impossible_dropout_is_refused(self, options, sentence):
        with pytest.raises(ValueError, match=sentence):
            toy_config(**options)


@st.composite
def molecules(draw):
    """Any assignment of at most eight atoms a bead, with zero weights among them."""
    sizes = draw(st.lists(st.integers(1, 8), min_size=1, max_size=5))
    bead_of_atom = draw(
        st.permutations([bead for bead, size in enumerate(sizes) for _ in range(size)])
    )
    weights = [
        draw(st.just(0.0) | st.floats(1e-3, 1e3, allow_subnormal=False))
        for _ in bead_of_atom
    ]
    for bead in range(len(sizes)):
        weights[bead_of_atom.index(bead)] = draw(st.floats(1e-3, 1e3))
    return bead_of_atom, weights


class TestBeadsAreKept:
    """R1: coarse-graining what is made returns the beads."""

    @settings(deadline=None, max_examples=25)
    @given(
        molecules(),
        st.integers(0, 99),
        st.sampled_from(FORMS),
        st.sampled_from([0.0, 0.3, 0.6, 1.0]),
    )
    def test_for_any_mapping_in_single_precision(self, arguments, seed, form, scale):
        torch.set_default_dtype(torch.float32)
        torch.manual_seed(seed)
        molecule = toy_molecule(*arguments)
        model = toy_model(molecule, **form)
        batch = toy_batch(molecule, n_frames=2, seed=seed)
        with torch.no_grad():
            for weight in model.parameters():
                weight *= scale
            made = model.sample(batch, toy_noise(batch, model.n_latents, seed=seed))
        assert made.dtype == torch.float32
        beads = molecule.mapping.project(made.numpy().reshape(2, -1, 3))
        # Untrained networks can throw atoms far away, where float32 has few digits.
        displacements = made - batch.bead_positions[batch.bead_of_atom]
        tolerance = 1e-5 * max(1.0, float(displacements.abs().max()) / 10)
        np.testing.assert_allclose(
            beads.reshape(-1, 3), batch.bead_positions, rtol=0, atol=tolerance
        )

    def test_an_atom_without_weight_still_moves_with_its_bead(self):
        molecule = toy_molecule([0, 0, 0, 1, 1, 1], weights=[1, 0, 0, 0, 2, 0])
        batch = toy_batch(molecule)
        made = toy_model(molecule)(batch, toy_noise(batch)).positions
        torch.testing.assert_close(made[[0, 4]], batch.bead_positions)
        assert_different(made[1], made[0])


class TestMirrorImages:
    def reflected_model(self, **options):
        model = toy_model(**options)
        noise = toy_noise(toy_batch(MOLECULE))
        return lambda batch: model(batch, noise).positions

    @pytest.mark.parametrize("messages", ["product", "sender"])
    def test_reflection_equivariance_with_pseudoscalars_from_zero(self, messages):
        function = self.reflected_model(messages=messages)
        isometry = random_isometry(5, reflects=True)
        assert_equivariant(function, toy_batch(MOLECULE), isometry)

    @pytest.mark.parametrize(
        "options",
        [
            {"pseudoscalar_init": 1.0},
            {"decoder": "local_frames"},
            {"encoder": "signed"},
        ],
        ids=name_of,
    )
    def test_no_reflection_equivariance_where_a_form_breaks_parity(self, options):
        function = self.reflected_model(**options)
        batch = toy_batch(MOLECULE)
        matrix, shift = random_isometry(5, reflects=True)
        mirrored = batch.with_positions(
            batch.bead_positions @ matrix.T + shift,
            batch.atom_positions @ matrix.T + shift,
        )
        assert_different(function(mirrored), function(batch) @ matrix.T + shift)

    def test_reflection_invariance_of_distances_and_of_the_prior(self):
        model, batch = toy_model(), toy_batch(MOLECULE)
        isometry = random_isometry(2, reflects=True)
        assert_invariant(lambda b: model.encoder(b).mean, batch, isometry)
        assert_invariant(lambda b: model.prior(b).mean, batch, isometry)

    def test_no_reflection_invariance_of_the_signed_encoder(self):
        # Reflecting the atoms through the plane of three beads keeps the beads and
        # all distances between beads; only the chirality changes.
        molecule = toy_molecule([0, 0, 0, 1, 1, 1, 2, 2, 2])
        batch = toy_batch(molecule)
        a, b, c = batch.bead_positions
        normal = torch.linalg.cross(b - a, c - a)
        normal = normal / torch.linalg.vector_norm(normal)
        height = (batch.atom_positions - a) @ normal
        mirrored = batch.with_positions(
            batch.bead_positions,
            batch.atom_positions - 2 * height[:, None] * normal,
        )
        signed = toy_model(encoder="signed").encoder
        assert_different(signed(mirrored).mean, signed(batch).mean)
        distances = toy_model(encoder="distances").encoder
        torch.testing.assert_close(distances(mirrored).mean, distances(batch).mean)

    @pytest.mark.parametrize("init", [0.0, 1.0])
    def test_three_beads_need_pseudoscalars_to_leave_their_plane(self, init):
        # Appendix F.5 and its Fig. 11.
        molecule = toy_molecule([0, 0, 0, 1, 1, 1, 2, 2, 2])
        batch = toy_batch(molecule)
        made = toy_model(pseudoscalar_init=init).sample(batch, toy_noise(batch))
        a, b, c = batch.bead_positions
        height = (made - a) @ torch.linalg.cross(b - a, c - a)
        assert (height.abs().max() > 1e-3) == (init != 0)


class TestCGVAE:
    def test_noise_of_zero_decodes_the_mean(self):
        model, batch = toy_model(), toy_batch(MOLECULE)
        noise = torch.zeros(batch.n_beads, 8)
        mean = model.encoder(batch).mean
        made = model(batch, noise).positions
        torch.testing.assert_close(made, model.decode(batch, mean))

    def test_draws_from_posterior_and_prior_scale_the_noise(self):
        model, batch = toy_model(), toy_batch(MOLECULE)
        noise = toy_noise(batch)
        made = model(batch, noise)
        latents = made.posterior.mean + made.posterior.std * noise
        torch.testing.assert_close(made.positions, model.decode(batch, latents))
        latents = made.prior.mean + made.prior.std * noise
        torch.testing.assert_close(
            model.sample(batch, noise), model.decode(batch, latents)
        )

    def test_sampling_needs_and_sees_no_atoms(self):
        model, batch = toy_model(), toy_batch(MOLECULE)
        noise = toy_noise(batch)
        beads_alone = batch.with_positions(batch.bead_positions)
        torch.testing.assert_close(
            model.sample(beads_alone, noise), model.sample(batch, noise)
        )

    @pytest.mark.parametrize("encoder", ["distances", "signed"])
    def test_encoding_needs_atoms(self, encoder):
        batch = toy_batch(MOLECULE)
        with pytest.raises(ValueError, match="`batch` has no atom positions"):
            toy_model(encoder=encoder).encoder(
                batch.with_positions(batch.bead_positions)
            )

    def test_beads_must_fit_the_channels(self):
        molecule = toy_molecule([0] * 9 + [1])
        with pytest.raises(
            ValueError, match="`n_channels` is 8, but a bead holds 9 atoms"
        ):
            CGVAE(toy_config(), VOCABULARY, molecule)

    def test_is_of_a_molecule(self):
        with pytest.raises(TypeError, match="required argument: 'molecule'"):
            CGVAE(toy_config(), VOCABULARY)

    def test_knows_its_molecule(self):
        model = toy_model(MOLECULE)
        assert model.mapping is MOLECULE.mapping
        assert model.atom_table is MOLECULE.atom_table
        assert model.graph().n_beads == MOLECULE.mapping.n_beads
