"""Random sequences that hold all amino acids, and all pairs, about as often."""

import numpy as np

__all__ = ["AMINO_ACIDS", "LENGTHS", "random_sequences"]

AMINO_ACIDS = "ACDEFGHIKLMNPQRSTVWY"
LENGTHS = range(3, 13)
# A pair that has been there costs more than what chance takes off, so chance decides
# among those that have been there least.
COST_OF_PAIR, COST_OF_RESIDUE, CHANCE = 2.0, 1 / 20, 0.9


def random_sequences(n: int, seed: int) -> list[str]:
    """Draw sequences of 3 to 12 amino acids.

    Parameters
    ----------
    n : int
        Number of sequences.
    seed : int
        Seed; the first sequences are the same for any `n`.

    Returns
    -------
    list of str
        One-letter codes.

    Notes
    -----
    A sequence begins with one of the rarest amino acids so far. Each is followed by
    one that has rarely followed it, rare ones first. All 400 pairs have been there
    once after about 80 sequences.

    Examples
    --------
    >>> random_sequences(3, seed=1)
    ['MKSRAPM', 'VWCRDKV', 'EQAL']
    """
    generator = np.random.default_rng(seed)
    n_kinds = len(AMINO_ACIDS)
    pairs, residues = np.zeros((n_kinds, n_kinds)), np.zeros(n_kinds)
    sequences = []
    for _ in range(n):
        length = int(generator.integers(LENGTHS.start, LENGTHS.stop))
        rarest = np.flatnonzero(residues == residues.min())
        kinds = [int(generator.choice(rarest))]
        while len(kinds) < length:
            cost = pairs[kinds[-1]] * COST_OF_PAIR + residues * COST_OF_RESIDUE
            cost += generator.random(n_kinds) * CHANCE
            chosen = int(cost.argmin())
            pairs[kinds[-1], chosen] += 1
            residues[chosen] += 1
            kinds.append(chosen)
        residues[kinds[0]] += 1
        sequences.append("".join(AMINO_ACIDS[kind] for kind in kinds))
    return sequences
