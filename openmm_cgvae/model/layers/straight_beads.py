"""Beads in a straight line, which have no perpendicular, seen on a narrow helix."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from openmm_cgvae.model.graphs import GraphBatch
from openmm_cgvae.model.layers.messages import SMALLEST_SQUARE

__all__ = ["bent_where_straight"]

# A bead and its two nearest references are in line where the sine of the angle between
# them is less; of alpha carbons in crystals it is never less than 0.05.
LARGEST_SINE = 0.02
# Radius of the helix, in distances to the next bead, and its turn from one bead to the
# next: between those of an extended strand (180 degrees) and of polyproline (-110).
RADIUS = 0.15
TURN = math.radians(-137.5)


def bent_where_straight(batch: GraphBatch) -> GraphBatch:
    """Return beads as networks are to see them: off the line where they are in one.

    Three beads in a line have no plane, so their local frame has no second axis and no
    chirality (`bonded_frames.LocalFrames` fades out there), and atoms would come to lie
    on the line. So a bead that is in line with its two nearest references is moved off
    the line, onto a left-handed helix about it that turns from bead to bead; a straight
    chain then looks like an extended one. Atoms are still made at the beads as given.

    By how much falls linearly with the sine of the angle, to nothing at `LARGEST_SINE`:
    all other beads are seen as they are. No rule can be continuous and single-valued at
    a straight line, nor turn with it, since the line does not tell one perpendicular
    from another: here the coordinate axis most across the line says where the helix
    begins.

    Parameters
    ----------
    batch : GraphBatch
        The beads.

    Returns
    -------
    GraphBatch
        The very batch where no bead is in line, else one with other bead positions.

    Examples
    --------
    >>> from openmm_cgvae import load_model
    >>> graph = load_model("alanine-dipeptide-3").graph()
    >>> bent = torch.tensor([[[0.0, 0, 0], [3, 2, 0], [6, 0, 0]]])
    >>> straight = torch.tensor([[[0.0, 0, 0], [3, 0, 0], [6, 0, 0]]])
    >>> batch = graph.batch(bent)
    >>> bent_where_straight(batch) is batch
    True
    >>> moved = bent_where_straight(graph.batch(straight)).bead_positions - straight[0]
    >>> [round(length, 2) for length in torch.linalg.vector_norm(moved, dim=1).tolist()]
    [0.45, 0.45, 0.45]
    """
    beads = batch.bead_positions
    steps = beads[batch.references[:, :2]] - beads[:, None]  # [n_beads, reference, 3]
    lengths = torch.sqrt((steps**2).sum(-1, keepdim=True) + SMALLEST_SQUARE)
    first, second = (steps / lengths).unbind(1)
    sines = torch.linalg.vector_norm(torch.linalg.cross(first, second), dim=1)
    weights = torch.relu(1 - sines / LARGEST_SINE)  # [n_beads]
    # Of two beads alone one reference is a repetition: they are in no line of three.
    weights = weights * (batch.relations[:, 1] > 0)
    if not weights.any():
        return batch
    number = torch.arange(batch.n_beads, device=beads.device)
    # The line along rising numbers: the first reference of a bead may stand after it.
    line = first * torch.sign(batch.references[:, 0] - number)[:, None]
    radius = RADIUS * weights[:, None] * lengths[:, 0]
    phase = TURN * _number_in_molecule(batch)[:, None].to(beads.dtype)
    across, other = _perpendiculars(line)
    moved = radius * (torch.cos(phase) * across + torch.sin(phase) * other)
    return batch.with_positions(beads + moved, batch.atom_positions)


def _number_in_molecule(batch: GraphBatch) -> Tensor:
    """Compute the number of each bead in its own molecule, whatever the batch."""
    _, sizes = batch.molecule_of_bead.unique_consecutive(return_counts=True)
    starts = (sizes.cumsum(0) - sizes).repeat_interleave(sizes)
    return torch.arange(batch.n_beads, device=starts.device) - starts


def _perpendiculars(
    lines: Float[Tensor, "n 3"],
) -> tuple[Float[Tensor, "n 3"], Float[Tensor, "n 3"]]:
    """Compute two unit vectors across each line, right-handed with it."""
    eye = torch.eye(3, device=lines.device, dtype=lines.dtype)
    least = eye[lines.abs().argmin(1)]  # the coordinate axis that is most across
    off_line = least - (least * lines).sum(1, keepdim=True) * lines
    across = torch.nn.functional.normalize(off_line, dim=1)
    return across, torch.linalg.cross(lines, across)
