"""From beads to atoms: Backmapper, its sampler, and long trajectories."""
