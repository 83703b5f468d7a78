"""Structures written for MDAnalysis and for other engines."""
