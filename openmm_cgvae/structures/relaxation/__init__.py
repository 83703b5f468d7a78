"""Minimising with the beads held where they are."""
