"""The molecules, models and batches that are timed."""

from dataclasses import dataclass

import MDAnalysis as mda
import numpy as np
import torch

from openmm_cgvae.backmapping.sampler import Sampler
from openmm_cgvae.data import data_path
from openmm_cgvae.mapping import Mapping
from openmm_cgvae.mapping.schemes import backbone_partition, residues
from openmm_cgvae.model import CGVAE, ModelConfig, Molecule
from openmm_cgvae.model.graphs import GraphBatch, MoleculeGraph, atom_types_of
from openmm_cgvae.model.pretrained import load_model
from openmm_cgvae.molecules import AtomTable
from openmm_cgvae.training import PRESETS
from openmm_cgvae.training.compiling import CompiledLosses
from openmm_cgvae.training.losses import objective

NOISE = 0.1  # of the frames, on every coordinate [A]

# Table 4 of the paper; the bead cutoff of chignolin depends on N.
PAPER = {
    "alanine-dipeptide": {
        "encoder_layers": 4,
        "prior_layers": 4,
        "decoder_layers": 5,
        "atom_cutoff": 8.5,
        "bead_cutoff": 9.5,
    },
    "chignolin": {
        "encoder_layers": 2,
        "prior_layers": 2,
        "decoder_layers": 9,
        "atom_cutoff": 12.0,
        "bead_cutoff": 21.0,
    },
}


def universe(name: str) -> mda.Universe:
    return mda.Universe(str(data_path(f"{name}.pdb")))


def mapping(atoms: mda.Universe, n_beads: int) -> Mapping:
    if n_beads == 3 and len(atoms.atoms) == 22:
        return residues(atoms)
    return backbone_partition(atoms, n_beads)


def make_model(
    name: str, n_beads: int, config: ModelConfig | None = None, **options: object
) -> CGVAE:
    """Make an untrained model; by default with the paper's sizes and depths."""
    atoms = universe(name)
    table = AtomTable.from_universe(atoms)
    if config is None:
        config = ModelConfig(**{**PAPER[name], **options})
    molecule = Molecule(table, mapping(atoms, n_beads))
    vocabulary = sorted(set(atom_types_of(table, config.atom_types)))
    torch.manual_seed(0)
    return CGVAE(config, vocabulary, molecule)


def shipped_config() -> ModelConfig:
    return PRESETS["fast"].model


def shipped_model() -> CGVAE:
    return load_model("alanine-dipeptide-3")


def decoding(model: CGVAE, name: str, batch_size: int) -> "Decoding":
    """Decode so many structures of a system, all from noisy beads."""
    return Decoding(model, model.mapping.project(noisy_frames(name, batch_size)))


def noisy_frames(name: str, n_frames: int) -> np.ndarray:
    positions = universe(name).atoms.positions
    generator = np.random.default_rng(0)
    noise = generator.normal(0, NOISE, (n_frames, *positions.shape))
    return (positions + noise).astype(np.float32)


@dataclass
class TrainingStep:
    """Batching, forward, backward, clipping and Adam, as training does them."""

    model: CGVAE
    graph: MoleculeGraph
    atoms: torch.Tensor
    beads: torch.Tensor
    optimizer: torch.optim.Optimizer
    compiled: CompiledLosses | None = None

    @classmethod
    def of(cls, model: CGVAE, name: str, batch_size: int) -> "TrainingStep":
        frames = noisy_frames(name, batch_size)
        beads = model.mapping.project(frames)
        model.train()
        return cls(
            model,
            model.graph(),
            torch.from_numpy(frames),
            torch.from_numpy(beads),
            make_optimizer(model),
        )

    def batch(self) -> GraphBatch:
        return self.graph.batch(self.beads, self.atoms)

    def losses(
        self, batch: GraphBatch, noise: torch.Tensor, *weights: float
    ) -> dict[str, torch.Tensor]:
        result = self.model(batch, noise)
        return objective(self.model, batch, result, *weights).to_dict()

    def compile(self) -> None:
        self.compiled = CompiledLosses(self.losses, self.model.parameters())

    def loss_and_gradient(self) -> None:
        batch = self.batch()
        noise = torch.randn(batch.n_beads, self.model.config.n_channels)
        losses = self.compiled or self.losses
        losses(batch, noise, 25.0, 0.05)["total"].backward()

    def move(self) -> None:
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()

    def __call__(self) -> None:
        self.optimizer.zero_grad()
        self.loss_and_gradient()
        self.move()


def make_optimizer(model: CGVAE) -> torch.optim.Optimizer:
    return torch.optim.Adam(model.parameters(), lr=1e-6, fused=True)


class Decoding:
    """Prior, latents and decoder for beads and noise that are already there.

    At most as many structures at once as the sampler takes; every such batch gets the
    same noise.
    """

    def __init__(self, model: CGVAE, beads: np.ndarray) -> None:
        sampler = Sampler(model.eval())
        self.model, self.graph, self.at_once = model, sampler.graph, sampler.batch_size
        self.beads = torch.from_numpy(beads)
        n_drawn = min(len(beads), self.at_once) * model.mapping.n_beads
        self.noise = torch.randn(n_drawn, model.n_latents)

    def __call__(self) -> None:
        with torch.inference_mode():
            for start in range(0, len(self.beads), self.at_once):
                batch = self.graph.batch(self.beads[start : start + self.at_once])
                self.model.sample(batch, self.noise[: batch.n_beads])
