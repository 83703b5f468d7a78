"""PriorFit: the stage that fits the prior to the latents of a trained encoder."""

from collections.abc import Iterable

import torch
from torch import Tensor

from openmm_cgvae.model import CGVAE
from openmm_cgvae.model.gaussian import Gaussian
from openmm_cgvae.model.graphs import GraphBatch
from openmm_cgvae.model.layers.oriented_messages import OrientedMessage
from openmm_cgvae.training.losses import kl_divergence
from openmm_cgvae.training.stages import Stage

__all__ = ["PriorFit"]

GAUSSIAN_SLOWDOWN = 0.5  # a Gaussian prior is nearly where it should be


class PriorFit(Stage):
    """The fit of the prior to the latents of the trained encoder.

    The encoder and the decoder stay as they are. The loss is the divergence of the
    posterior from the prior, of a flow an unbiased estimate of it. The prior of the
    epoch in which that of the validation frames was least is kept.
    """

    name, folder = "fitting the prior", "prior"
    model: CGVAE

    @property
    def n_epochs(self) -> int:
        return self.config.flow_epochs if self._is_flow else self.config.prior_epochs

    @property
    def learning_rate(self) -> float:
        """Highest learning rate; a flow starts from nothing, a Gaussian does not."""
        return self.config.learning_rate * (1.0 if self._is_flow else GAUSSIAN_SLOWDOWN)

    @property
    def _is_flow(self) -> bool:
        return self.model.config.prior == "flow"

    def on_fit_start(self) -> None:
        super().on_fit_start()
        for part in self.model.prior.modules():
            if isinstance(part, OrientedMessage):
                part.set_dropout(self.config.prior_dropout)

    def trained(self) -> Iterable[torch.nn.Parameter]:
        return self.model.prior.parameters()

    def losses(
        self, batch: GraphBatch, noise: Tensor, *_: float | Tensor
    ) -> dict[str, Tensor]:
        with torch.no_grad():
            posterior = self.model.encoder(batch)
        prior = self.model.prior(batch)
        if isinstance(prior, Gaussian):
            return {"total": kl_divergence(posterior, prior).mean()}
        latents = posterior.draw(noise)
        divergence = posterior.log_density(latents) - prior.log_density(latents)
        return {"total": divergence.mean()}
