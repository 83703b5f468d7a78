"""Fused sums and fast linear layers beneath the messages."""

__all__: list[str] = []
