"""Geometry refinement: atoms brought to the geometry of the training data."""
