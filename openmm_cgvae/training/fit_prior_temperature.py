"""The prior temperature: the factor on its noise that unseen frames ask for."""

import numpy as np
import torch

from openmm_cgvae.metrics import energy_score
from openmm_cgvae.model import CGVAE
from openmm_cgvae.training.one_molecule_data import TrajectoryDataset

__all__ = ["TEMPERATURES", "best_temperature"]

TEMPERATURES = tuple(np.linspace(1.0, 2.5, 16).round(2).tolist())
N_FRAMES, N_SAMPLES = 100, 8


def best_temperature(model: CGVAE, data: TrajectoryDataset, seed: int) -> float:
    """Find the factor on the prior's noise with the best energy score.

    The prior is fitted to the training frames and is too sure of others: its samples
    spread less than they err. The energy score of heavy atoms is proper, so that it is
    best where the spread is right, and neither noise nor collapse can win. Samples are
    not refined for it, which hardly changes the score.

    Parameters
    ----------
    model : CGVAE
        A trained model, in evaluation mode.
    data : TrajectoryDataset
        What it was trained on; its validation frames are used.
    seed : int
        Seed of the noise, the same for all temperatures.

    Returns
    -------
    float
        One of `TEMPERATURES`.
    """
    n_chosen = min(N_FRAMES, len(data.validation))
    rows = np.arange(n_chosen) * len(data.validation) // n_chosen
    chosen = torch.from_numpy(data.validation[rows])
    truth = data.atom_positions[chosen].double().numpy()
    copies = chosen.repeat_interleave(N_SAMPLES)
    batch = model.graph().batch(data.bead_positions[copies].float())
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(batch.n_beads, model.n_latents, generator=generator)
    heavy = model.atom_table.is_heavy
    scores = []
    with torch.inference_mode():
        for temperature in TEMPERATURES:
            latents = model.prior(batch).draw(temperature * noise)
            made = model.decode(batch, latents).double().numpy()
            samples = made.reshape(n_chosen, N_SAMPLES, *truth.shape[1:])
            scores.append(float(energy_score(samples, truth, heavy)))
    return TEMPERATURES[int(np.argmin(scores))]
