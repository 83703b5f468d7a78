"""Identity of a run: model, settings and the content of its trajectory, as hashes.

Only a run with the same identity goes on where another was killed.
"""

import hashlib
import json
from dataclasses import asdict
from typing import Any

import numpy as np

from openmm_cgvae.backmapping.bead_reader import BadFrameError, Beads
from openmm_cgvae.backmapping.streaming.job import Job
from openmm_cgvae.model import Model
from openmm_cgvae.model.checkpoint import hash_of_weights

__all__ = ["identity_of"]

_FORMAT = 2
# Frames that are read to know a trajectory again.
_N_FRAMES_COMPARED = 16


def identity_of(job: Job) -> dict[str, Any]:
    """Return everything that the frames of a run depend on, in plain JSON types.

    Parameters
    ----------
    job : Job
        What is to be done.

    Returns
    -------
    dict
        Numbers, and hashes of what is large.
    """
    group, decoding = job.beads.group, job.decoding
    return {
        "format": _FORMAT,
        "model": _hash_of_model(decoding.sampler.model),
        "outputs": [output.name for output in job.files.outputs],
        "frames": [job.frames.start, job.frames.stop, job.frames.step],
        "n": decoding.n,
        "candidates": decoding.candidates,
        "seed": decoding.seed,
        "correlation": decoding.correlation,
        "on_fault": decoding.on_fault,
        "temperature": decoding.sampler.temperature,
        "bead_slack": decoding.sampler.bead_slack,
        "places of the beads": _digest(group.indices.tobytes()),
        "places of what is kept": _digest(job.beads.others.indices.tobytes()),
        "trajectory": [
            int(group.universe.trajectory.n_frames),
            len(group.universe.atoms),
        ],
        "names of the beads": _digest(
            *(repr(row).encode() for row in _names(job.beads))
        ),
        "content of the frames": _hash_of_frames(job),
        "frames_per_block": job.frames_per_block,
        "batch_size": decoding.sampler.batch_size,
    }


def _hash_of_model(model: Model) -> str:
    """Compute a hash of the weights, the settings and the mapping."""
    records = [
        hash_of_weights(model.state_dict()),
        asdict(model.config),
        model.mapping.to_dict(),
    ]
    return _digest(json.dumps(records, default=str).encode())


def _names(beads: Beads) -> list[tuple[Any, ...]]:
    """Return the names of all particles that are read, as far as there are any."""
    group = beads.group + beads.others
    columns = [
        getattr(group, name).tolist()
        for name in ("names", "resnames", "resids")
        if hasattr(group, name)
    ]
    return list(zip(*columns, strict=True))


def _hash_of_frames(job: Job) -> str:
    """Compute a hash of positions, boxes and times of frames all over the run.

    A trajectory of another simulation differs in nearly all of its frames; to read
    every one would take as long as some runs do.
    """
    n_frames = len(job.frames)
    chosen = np.linspace(0, n_frames - 1, min(n_frames, _N_FRAMES_COMPARED), dtype=int)
    content = []
    for place in np.unique(chosen).tolist():
        try:
            frame = job.beads.read(job.frames[place])
        except BadFrameError:
            content.append(b"no frame")
            continue
        box = np.zeros(6) if frame.box is None else frame.box
        numbers = (frame.positions, frame.others, box, np.array([frame.time]))
        content += [array.astype(np.float64).tobytes() for array in numbers]
    return _digest(*content)


def _digest(*pieces: bytes) -> str:
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()
