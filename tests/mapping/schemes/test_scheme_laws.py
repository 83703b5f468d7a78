"""Every shipped scheme obeys the laws of mappings."""

import pytest

from openmm_cgvae.mapping import schemes
from openmm_cgvae.testing import SchemeLaws, dipeptide

SPECS = [
    "residues",
    "alpha-carbon",
    "peptide-units",
    "peptide-units:split",
    "backbone:6",
]


class TestShippedSchemes(SchemeLaws):
    @pytest.fixture(params=["alanine-dipeptide", "chignolin"])
    def group(self, request):
        return dipeptide.peptide(request.param).atoms

    @pytest.fixture(params=SPECS)
    def scheme(self, request):
        return lambda atoms: schemes.from_spec(atoms, request.param)


class TestSelections(SchemeLaws):
    @pytest.fixture
    def scheme(self):
        beads = {"H": "element H", "X": "not element H"}
        return lambda atoms: schemes.selections(atoms, beads)


class TestMartini(SchemeLaws):
    orders_by_first_atom = False

    @pytest.fixture
    def group(self):
        return dipeptide.peptide("chignolin").atoms

    @pytest.fixture
    def scheme(self):
        return schemes.martini
