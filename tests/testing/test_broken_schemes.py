"""Laws of schemes fail for schemes that break them."""

import itertools

import numpy as np
import pytest

from openmm_cgvae.mapping import Mapping
from openmm_cgvae.testing import SchemeLaws, dipeptide


def test_of_numbering():
    group = dipeptide.peptide().atoms
    backwards = Mapping(2 - np.array(dipeptide.BEADS))
    laws = SchemeLaws()
    with pytest.raises(AssertionError, match="Arrays are not equal"):
        laws.test_beads_are_numbered_by_their_first_atom(backwards)
    laws.test_beads_are_a_partition_of_the_atoms(backwards, group)


def test_of_partition():
    group = dipeptide.peptide().atoms
    with pytest.raises(AssertionError, match="Arrays are not equal"):
        SchemeLaws().test_beads_are_a_partition_of_the_atoms(Mapping([0, 0]), group)


def test_of_a_function_of_the_atoms():
    counter = itertools.count(1)

    def scheme(atoms):
        n_beads = next(counter)
        return Mapping(np.arange(len(atoms)) * n_beads // len(atoms))

    group = dipeptide.peptide().atoms
    with pytest.raises(AssertionError, match="another mapping of the same atoms"):
        SchemeLaws().test_a_scheme_is_a_function_of_the_atoms(
            scheme, scheme(group), group
        )
