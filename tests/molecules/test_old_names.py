"""What `openmm_cgvae.molecules` held in version 0.1 is still found there."""

import pytest

import openmm_cgvae.molecules
from openmm_cgvae.mapping import replicas
from openmm_cgvae.metrics import intermolecular_contacts
from openmm_cgvae.molecules import AtomTable

MOVED = {
    "repeat": replicas.repeat,
    "beside": replicas.beside,
    "part_of": replicas.part_of,
    "intermolecular_contacts": intermolecular_contacts,
    "particle_table": AtomTable.from_particles,
}


@pytest.mark.parametrize("name", MOVED)
def test_old_names_warn_and_are_the_new_ones(name):
    with pytest.warns(DeprecationWarning, match=rf"`openmm_cgvae.molecules.{name}` is"):
        assert getattr(openmm_cgvae.molecules, name) == MOVED[name]


def test_old_names_can_be_imported():
    with pytest.warns(DeprecationWarning, match=r"now `openmm_cgvae.molecules.Atom"):
        from openmm_cgvae.molecules import particle_table
    assert particle_table == AtomTable.from_particles


def test_other_names_are_unknown():
    with pytest.raises(AttributeError, match="has no attribute 'odd'"):
        openmm_cgvae.molecules.odd  # noqa: B018
