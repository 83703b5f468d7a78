"""Geometry refinement: atoms brought to the geometry of the training data."""

__all__: list[str] = []
