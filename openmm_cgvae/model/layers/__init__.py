"""Layers of the networks: radial basis, messages, local frames."""

__all__: list[str] = []
