"""Start structures and trajectories that ship with the package."""
