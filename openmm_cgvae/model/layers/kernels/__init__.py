"""Fused sums and fast linear layers beneath the messages."""
