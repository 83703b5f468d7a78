"""Long trajectories in little memory: block after block, in one process or many."""

from openmm_cgvae.streaming.backends import Backend
from openmm_cgvae.streaming.job import Job
from openmm_cgvae.streaming.run import WrittenTrajectory, backmap_frames

__all__ = ["Backend", "Job", "WrittenTrajectory", "backmap_frames"]
