"""Long trajectories in little memory: block after block, in one process or many."""

from openmm_cgvae.backmapping.streaming.backends import Backend
from openmm_cgvae.backmapping.streaming.job import Job
from openmm_cgvae.backmapping.streaming.resumable_run import (
    WrittenTrajectory,
    backmap_frames,
)

__all__ = ["Backend", "Job", "WrittenTrajectory", "backmap_frames"]
