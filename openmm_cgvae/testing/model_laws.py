"""Laws that every model obeys, for any weights, as test classes to inherit.

Translation, rotation, reflection where a model claims it, batches, permutations: a law
is a test method, and a test class that inherits it only says which model it is about.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

from openmm_cgvae.backmapping.sampler import Sampler
from openmm_cgvae.model import Model, Reconstruction
from openmm_cgvae.model.graphs import GraphBatch
from openmm_cgvae.testing.assertions import (
    assert_equivariant,
    assert_invariant,
    assert_same,
    random_isometry,
)
from openmm_cgvae.testing.molecules import toy_noise, toy_positions
from openmm_cgvae.testing.tolerances import DOUBLE_PRECISION

__all__ = [
    "ModelLaws",
    "assert_finite_gradients",
    "in_double_precision",
    "outputs",
    "prior_outputs",
]


@contextmanager
def in_double_precision() -> Iterator[None]:
    """Make float64 the default type of torch within a ``with`` block.

    Examples
    --------
    >>> with in_double_precision():
    ...     torch.zeros(1).dtype
    torch.float64
    """
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def outputs(made: Reconstruction) -> dict[str, Tensor]:
    """Return everything that a forward pass computes, by name.

    Parameters
    ----------
    made : Reconstruction
        What ``model(batch, noise)`` returned.

    Returns
    -------
    dict of str to Tensor
        Positions and numbers of the posterior and the prior; the first axis is that
        of atoms or of beads.

    Examples
    --------
    >>> from openmm_cgvae.testing import MOLECULE, toy_batch, toy_model, toy_noise
    >>> batch = toy_batch(MOLECULE)
    >>> sorted(outputs(toy_model()(batch, toy_noise(batch))))[:2]
    ['positions', 'posterior mean']
    """
    return {
        "positions": made.positions,
        "posterior mean": made.posterior.mean,
        "posterior std": made.posterior.std,
        **prior_outputs(made),
    }


def prior_outputs(made: Reconstruction) -> dict[str, Tensor]:
    """Return what the prior draws of noise of ones, and how dense it is there.

    Parameters
    ----------
    made : Reconstruction
        What ``model(batch, noise)`` returned.

    Returns
    -------
    dict of str to Tensor
        Both by name; the first axis is that of beads.

    Examples
    --------
    >>> from openmm_cgvae.testing import MOLECULE, toy_batch, toy_model, toy_noise
    >>> batch = toy_batch(MOLECULE)
    >>> sorted(prior_outputs(toy_model()(batch, toy_noise(batch))))
    ['prior density', 'prior draw']
    """
    prior = made.prior
    latents = prior.draw(torch.ones_like(getattr(prior, "base", prior).mean))
    return {"prior draw": latents, "prior density": prior.log_density(latents)}


def assert_finite_gradients(model: Model, batch: GraphBatch, beads: Tensor) -> None:
    """Check that gradients by positions of beads and by parameters are finite.

    Parameters
    ----------
    model : Model
        The model.
    batch : GraphBatch
        A batch whose positions were computed from ``beads``.
    beads : Tensor, shape (n_beads, 3)
        The leaf of the gradients [Å].

    Raises
    ------
    AssertionError
        If one is not, or nothing depends on the beads.

    Examples
    --------
    >>> from openmm_cgvae.testing import MOLECULE, toy_batch, toy_model
    >>> batch = toy_batch(MOLECULE)
    >>> beads = batch.bead_positions.requires_grad_()
    >>> moved = batch.with_positions(beads, batch.atom_positions)
    >>> assert_finite_gradients(toy_model(), moved, beads)
    """
    made = model(batch, toy_noise(batch, model.n_latents))
    total = made.positions.square().sum() + made.posterior.mean.square().sum()
    total = total + made.posterior.std.sum()
    total = total + sum(value.sum() for value in prior_outputs(made).values())
    leaves = [beads, *model.parameters()]
    gradients = torch.autograd.grad(total, leaves, allow_unused=True)
    if gradients[0] is None:
        raise AssertionError("nothing that the model computes depends on the beads")
    if not all(torch.isfinite(g).all() for g in gradients if g is not None):
        raise AssertionError("a gradient is not a finite number")


class ModelLaws:
    """Laws that every `Model` obeys; inherit them in a test class.

    The class has to have a fixture ``model`` of function scope; it is made, and all
    is computed, in float64 and with a seed of its own. Laws are about frames of the
    molecule that the model is for.

    Attributes
    ----------
    claims_reflection : bool
        Whether the atoms of mirrored beads are the mirrored atoms. Models that tell
        L from D amino acids must not claim it.

    Examples
    --------
    >>> from openmm_cgvae.model import LinearMap
    >>> from openmm_cgvae.testing import MOLECULE, VOCABULARY, toy_config
    >>> class TestLinearMap(ModelLaws):
    ...     claims_reflection = True
    ...
    ...     @pytest.fixture
    ...     def model(self):
    ...         return LinearMap(toy_config(model="linear"), VOCABULARY, MOLECULE)
    """

    claims_reflection: ClassVar[bool] = False

    @pytest.fixture(autouse=True)
    def double_precision(self, request: pytest.FixtureRequest) -> None:
        """Compute in float64, with weights that do not depend on other tests."""
        # Not a generator: one that checks the shapes of arguments would hide it.
        undo = ExitStack()
        request.addfinalizer(undo.close)  # noqa: PT021
        undo.enter_context(torch.random.fork_rng())
        undo.enter_context(in_double_precision())
        torch.manual_seed(7)

    @pytest.fixture
    def batch(self, model: Model) -> GraphBatch:
        """Return two frames of the model's molecule."""
        atoms, beads = toy_positions(model.molecule, n_frames=2)
        return model.graph().batch(beads, atoms)

    def test_samples_keep_their_beads(self, model: Model) -> None:
        """Structures that are sampled in float32 map back to their beads."""
        torch.set_default_dtype(torch.float32)
        beads = toy_positions(model.molecule, n_frames=2)[1].double().numpy()
        made = Sampler(model.float()).sample(beads, np.arange(2), 2, seed=0)
        np.testing.assert_allclose(
            model.mapping.project(made),
            np.repeat(beads[:, None], 2, axis=1),
            rtol=0,
            atol=DOUBLE_PRECISION,
        )

    @pytest.mark.parametrize("seed", [0, 1])
    def test_rotation_and_translation_equivariance(
        self, model: Model, batch: GraphBatch, seed: int
    ) -> None:
        """Atoms move with the beads."""
        self._check_equivariance(model, batch, seed, reflects=False)

    def test_reflection_equivariance_where_claimed(
        self, model: Model, batch: GraphBatch
    ) -> None:
        """Atoms of mirrored beads are mirrored, if the model claims it."""
        if self.claims_reflection:
            self._check_equivariance(model, batch, seed=5, reflects=True)

    def test_latents_are_invariant_under_rotation_and_translation(
        self, model: Model, batch: GraphBatch
    ) -> None:
        """Posterior and prior do not see where the molecule stands."""
        noise = toy_noise(batch, model.n_latents)
        for name in outputs(model(batch, noise)).keys() - {"positions"}:

            def output(batch: GraphBatch, name: str = name) -> Tensor:
                return outputs(model(batch, noise))[name]

            assert_invariant(output, batch, random_isometry(3))

    def test_a_batch_equals_its_frames_one_at_a_time(self, model: Model) -> None:
        """Frames of one batch know nothing of each other."""
        graph = model.graph()
        atoms, beads = toy_positions(model.molecule, n_frames=2)
        batch = graph.batch(beads, atoms)
        noise = toy_noise(batch, model.n_latents)
        together = outputs(model(batch, noise))
        alone = [
            outputs(model(graph.batch(beads[k : k + 1], atoms[k : k + 1]), own))
            for k, own in enumerate(noise.chunk(2))
        ]
        for name, value in together.items():
            assert_same(value, torch.cat([part[name] for part in alone]))

    def test_sampling_does_not_see_atoms(self, model: Model, batch: GraphBatch) -> None:
        """Samples are made of beads alone."""
        noise = toy_noise(batch, model.n_latents)
        beads_alone = batch.with_positions(batch.bead_positions)
        assert_same(model.sample(beads_alone, noise), model.sample(batch, noise))

    @pytest.mark.parametrize("geometry", ["all coincide", "two coincide", "collinear"])
    def test_gradients_are_finite_for_degenerate_geometry(
        self, model: Model, geometry: str
    ) -> None:
        """Beads on one point or line, atoms on their beads, give no NaN."""
        n_beads = model.mapping.n_beads
        beads = toy_positions(model.molecule)[1][0]
        if geometry == "all coincide":
            beads = torch.zeros(n_beads, 3)
        elif geometry == "two coincide":
            beads[1 % n_beads] = beads[0]
        else:
            beads = torch.arange(1.0, n_beads + 1)[:, None].square() * torch.eye(3)[0]
        beads = beads.requires_grad_()
        atoms = beads[torch.tensor(model.mapping.bead_of_atom)]
        batch = model.graph().batch(beads[None], atoms[None])
        assert_finite_gradients(model, batch, beads)

    def _check_equivariance(
        self, model: Model, batch: GraphBatch, seed: int, *, reflects: bool
    ) -> None:
        noise = toy_noise(batch, model.n_latents)
        isometry = random_isometry(seed, reflects=reflects)
        assert_equivariant(lambda b: model(b, noise).positions, batch, isometry)
        assert_equivariant(lambda b: model.sample(b, noise), batch, isometry)
