"""DecoderFineTuning: the last stage trains the decoder on samples of the prior."""

from collections.abc import Iterable

import torch
from torch import Tensor

from openmm_cgvae.model import CGVAE, Model, Reconstruction
from openmm_cgvae.model.gaussian import Gaussian
from openmm_cgvae.model.graphs import GraphBatch
from openmm_cgvae.model.refinement.one_molecule import least_distances
from openmm_cgvae.training.config import TrainingConfig
from openmm_cgvae.training.losses import crowding, objective, strain
from openmm_cgvae.training.one_molecule_data import TrajectoryDataset
from openmm_cgvae.training.stages import Stage

__all__ = ["DecoderFineTuning"]

SLOWDOWN = 0.25  # of the learning rate: the decoder is nearly where it should be


class DecoderFineTuning(Stage):
    """Fine-tuning of the decoder on prior samples, whose bonds it learns to make right.

    Between the latents of two conformations there are some that the encoder never
    gives but the prior draws, and the atoms made of them are strained. Encoder and
    prior stay as they are, and what the data allow costs nothing, so that the spread
    of the samples stays; only the strain of samples, and where asked for their
    crowding, are added to the loss, since nothing else is known of them.
    """

    # "polish" is what the folders of runs of version 0.1 have.
    name, folder = "fine-tuning the decoder", "polish"
    model: CGVAE

    def __init__(self, model: Model, data: TrajectoryDataset, config: TrainingConfig):
        super().__init__(model, data, config)
        first, second = model.graph().close_pairs.unbind(1)
        frames = data.atom_positions[data.train]
        distances = torch.linalg.vector_norm(
            frames[:, first] - frames[:, second], dim=-1
        )
        self.register_buffer("mean", distances.mean(0), persistent=False)
        self.register_buffer("std", distances.std(0), persistent=False)
        self.mean: Tensor
        self.std: Tensor
        least = None
        if config.contact_weight:
            least = least_distances(frames, model.graph().close_pairs)
        self.register_buffer("least", least, persistent=False)
        self.least: Tensor | None

    @property
    def n_epochs(self) -> int:
        return self.config.fine_tuning_epochs

    @property
    def learning_rate(self) -> float:
        return SLOWDOWN * self.config.learning_rate

    def trained(self) -> Iterable[torch.nn.Parameter]:
        return self.model.decoder.parameters()

    def losses(
        self, batch: GraphBatch, noise: Tensor, *_: float | Tensor
    ) -> dict[str, Tensor]:
        with torch.no_grad():
            posterior = self.model.encoder(batch)
            prior = self.model.prior(batch)
            # The noise of another bead: samples are other structures anyway.
            drawn = prior.draw(noise.roll(1, 0))
        gaussian = prior if isinstance(prior, Gaussian) else prior.base
        made = self.model.decode(batch, posterior.draw(noise))
        terms = objective(
            self.model,
            batch,
            Reconstruction(made, posterior, gaussian),
            self.config.bond_weight,
            self.config.kl_weight,
        )
        samples = self.model.decode(batch, drawn)
        extra = {"strain_of_samples": strain(samples, batch, self.mean, self.std)}
        total = terms.total + self.config.sample_weight * extra["strain_of_samples"]
        if self.least is not None:
            extra["crowding_of_samples"] = crowding(samples, batch, self.least)
            total = total + self.config.contact_weight * extra["crowding_of_samples"]
        return {**terms.to_dict(), **extra, "total": total}
