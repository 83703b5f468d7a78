"""Benchmarks of openmm_cgvae; run with `make bench`."""
