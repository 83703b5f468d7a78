"""Reference trajectories of the systems that ship with the package."""
