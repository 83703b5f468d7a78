"""What version 0.1 called otherwise works for one release, with a warning."""

import importlib
import pickle
import sys

import pytest
import torch

from openmm_cgvae._runtime.deprecations import OLD_PATHS
from openmm_cgvae.simulation.coarse_grained.openmm_force import _TensorPotential


@pytest.fixture
def forgotten():
    """Forget what was imported by old paths before and after a test."""

    def forget():
        package = importlib.import_module("openmm_cgvae")
        for name in list(sys.modules):
            first = name.removeprefix("openmm_cgvae.").partition(".")[0]
            if name.startswith("openmm_cgvae.") and first in OLD_PATHS:
                del sys.modules[name]
                vars(package).pop(first, None)

    forget()
    yield
    forget()


@pytest.mark.usefixtures("forgotten")
@pytest.mark.parametrize("old", OLD_PATHS)
def test_old_paths_lead_to_the_modules_of_today(old):
    new = importlib.import_module(f"openmm_cgvae.{OLD_PATHS[old]}")
    spec = new.__spec__
    sentence = rf"`openmm_cgvae\.{old}` is now `openmm_cgvae\.{OLD_PATHS[old]}`"
    with pytest.warns(DeprecationWarning, match=sentence):
        found = importlib.import_module(f"openmm_cgvae.{old}")
    assert found is new
    assert found.__spec__ is spec
    assert spec.name == new.__name__


@pytest.mark.usefixtures("forgotten")
def test_submodules_follow_their_package():
    with pytest.warns(DeprecationWarning, match="is now"):
        from openmm_cgvae.schemes.backbone import backbone_partition
    from openmm_cgvae.mapping.schemes import backbone_partition as today

    assert backbone_partition is today


def test_other_paths_are_no_modules():
    with pytest.raises(ModuleNotFoundError, match="no_such"):
        importlib.import_module("openmm_cgvae.no_such")


@pytest.mark.usefixtures("forgotten")
def test_potentials_pickled_by_version_0_1_are_read():
    module = torch.nn.Linear(1, 1)
    potential = _TensorPotential.__new__(_TensorPotential)
    potential.__dict__["module"] = module
    today = pickle.dumps(potential, protocol=0)
    new = b"openmm_cgvae.simulation.coarse_grained.openmm_force"
    with pytest.warns(DeprecationWarning, match="cg_forces"):
        again = pickle.loads(today.replace(new, b"openmm_cgvae.cg_forces"))
    assert type(again) is _TensorPotential
