"""Which model is for which beads of a universe."""

__all__: list[str] = []
