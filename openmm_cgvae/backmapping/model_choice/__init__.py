"""Which model makes atoms of which beads."""
