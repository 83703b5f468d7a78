"""Laws that the mapping of every scheme obeys, as a test class to inherit."""

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import pytest

from openmm_cgvae.mapping import Mapping
from openmm_cgvae.testing import dipeptide
from openmm_cgvae.testing.tolerances import DOUBLE_PRECISION

__all__ = ["SchemeLaws"]


class SchemeLaws:
    """Laws that every mapping scheme obeys; inherit them in a test class.

    The class has to have a fixture ``scheme``: a function of a group of atoms that
    returns a `Mapping`. It is given alanine dipeptide unless the class has a fixture
    ``group`` of its own.

    Attributes
    ----------
    orders_by_first_atom : bool
        Whether beads are numbered by their first atom, as all schemes of the package
        do but that of Martini.

    Examples
    --------
    >>> from openmm_cgvae.mapping import schemes
    >>> class TestResidues(SchemeLaws):
    ...     @pytest.fixture
    ...     def scheme(self):
    ...         return schemes.residues
    """

    orders_by_first_atom: ClassVar[bool] = True

    @pytest.fixture
    def group(self) -> Any:
        """Return the atoms to map."""
        return dipeptide.peptide().atoms

    @pytest.fixture
    def mapping(self, scheme: Callable[[Any], Mapping], group: Any) -> Mapping:
        """Return what the scheme makes of them."""
        return scheme(group)

    def test_beads_are_a_partition_of_the_atoms(
        self, mapping: Mapping, group: Any
    ) -> None:
        """Every atom is in one bead, and every bead has an atom."""
        inside = [mapping.atoms_of_bead(bead) for bead in range(mapping.n_beads)]
        assert min(map(len, inside)) > 0
        np.testing.assert_array_equal(
            np.sort(np.concatenate(inside)), np.arange(group.n_atoms)
        )

    def test_weights_sum_to_one_over_every_bead(self, mapping: Mapping) -> None:
        """Weights are not negative, and those of a bead sum to one."""
        assert mapping.weights.min() >= 0
        np.testing.assert_allclose(
            np.bincount(mapping.bead_of_atom, mapping.weights), 1.0, rtol=1e-12
        )

    def test_lift_then_project_is_the_identity(self, mapping: Mapping) -> None:
        """M M+ = 1: beads that are lifted to atoms map back to themselves."""
        beads = np.random.default_rng(0).normal(scale=10, size=(4, mapping.n_beads, 3))
        np.testing.assert_allclose(
            mapping.project(mapping.lift(beads)), beads, rtol=0, atol=DOUBLE_PRECISION
        )

    def test_project_is_equivariant_under_isometries(
        self, mapping: Mapping, group: Any
    ) -> None:
        """M x = X for moved and mirrored atoms too."""
        rng = np.random.default_rng(1)
        matrix, _ = np.linalg.qr(rng.normal(size=(3, 3)))
        shift = rng.normal(scale=5, size=3)
        atoms = np.asarray(group.positions, dtype=np.float64)
        for orthogonal in (matrix, -matrix):
            np.testing.assert_allclose(
                mapping.project(atoms @ orthogonal.T + shift),
                mapping.project(atoms) @ orthogonal.T + shift,
                rtol=0,
                atol=DOUBLE_PRECISION,
            )

    def test_beads_are_numbered_by_their_first_atom(self, mapping: Mapping) -> None:
        """Indices of the beads go up along the chain, where that is promised."""
        if self.orders_by_first_atom:
            _, firsts = np.unique(mapping.bead_of_atom, return_index=True)
            np.testing.assert_array_equal(firsts, np.sort(firsts))

    def test_a_scheme_is_a_function_of_the_atoms(
        self, scheme: Callable[[Any], Mapping], mapping: Mapping, group: Any
    ) -> None:
        """The same atoms have the same mapping again."""
        if scheme(group) != mapping:
            raise AssertionError("the scheme makes another mapping of the same atoms")

    def test_a_mapping_survives_being_written(self, mapping: Mapping) -> None:
        """Written as JSON types and read, it is the same."""
        assert Mapping.from_dict(mapping.to_dict()) == mapping
