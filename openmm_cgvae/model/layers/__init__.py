"""Layers of the networks: radial basis, messages, local frames."""
