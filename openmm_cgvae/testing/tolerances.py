"""Tolerances by name: how far numbers that should be equal may be apart."""

__all__ = [
    "BETWEEN_PROCESSORS",
    "COMPRESSED_FILE",
    "DOUBLE_PRECISION",
    "GRADIENT",
    "SINGLE_PRECISION",
]

# Two orders of the same sums in float64, of positions of the order of 10 Å [Å].
DOUBLE_PRECISION = 1e-9

# Gradients by two ways in float64, relative to the largest of their numbers.
GRADIENT = 1e-10

# Coordinates that went through float32 once, of the order of 10 Å [Å].
SINGLE_PRECISION = 1e-5

# Whole networks in float32: processors and versions of torch round differently [Å].
BETWEEN_PROCESSORS = 5e-3

# Coordinates from an XTC file, which keeps steps of 0.01 Å [Å].
COMPRESSED_FILE = 6e-3
