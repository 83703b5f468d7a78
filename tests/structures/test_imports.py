"""What importing loads: no torch below the models, no OpenMM with the package."""

import pkgutil
import subprocess
import sys

import pytest

import openmm_cgvae

ROOMS = (
    "_runtime",
    "data",
    "molecules",
    "mapping",
    "transformations",
    "chemistry",
    "metrics",
    "structures",
)
# Where tensors are needed: Auto-Grain trains its mapping, torch's threads are counted.
WITH_TENSORS = {"openmm_cgvae.mapping.autograin", "openmm_cgvae._runtime.threads"}


def loaded_by(*lines):
    """Names of all modules that lines load in a fresh interpreter."""
    done = subprocess.run(
        [sys.executable, "-c", "\n".join([*lines, "import sys; print(*sys.modules)"])],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


def modules_of(room):
    package = f"openmm_cgvae.{room}"
    path = [f"{openmm_cgvae.__path__[0]}/{room}"]
    inside = [found.name for found in pkgutil.walk_packages(path, f"{package}.")]
    return [package, *inside]


def test_rooms_below_the_models_need_no_torch():
    names = {name for room in ROOMS for name in modules_of(room)} - WITH_TENSORS
    assert len(names) > 80
    loaded = loaded_by(*(f"import {name}" for name in sorted(names)))
    assert names <= loaded
    assert "torch" not in loaded


@pytest.mark.parametrize("name", sorted(WITH_TENSORS))
def test_modules_that_are_said_to_need_torch_do(name):
    assert "torch" in loaded_by(f"import {name}")


def test_converter_is_registered_without_openmm():
    loaded = loaded_by(
        "import MDAnalysis, openmm_cgvae",
        "from MDAnalysis import _CONVERTERS",
        "assert 'OPENMM' in _CONVERTERS",
    )
    assert "openmm_cgvae.structures.converter" in loaded
    assert not {"openmm", "torch"} & loaded


@pytest.mark.parametrize("name", openmm_cgvae.__all__)
def test_every_public_name_is_found(name):
    assert getattr(openmm_cgvae, name) is not None
    assert name in dir(openmm_cgvae)


def test_packages_offer_their_names():
    from openmm_cgvae import chemistry, structures
    from openmm_cgvae.structures import dynamics, export, relaxation

    for package in (chemistry, structures, dynamics, export, relaxation):
        for name in package.__all__:
            assert getattr(package, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Other'"):
        structures.Other  # noqa: B018 - looking is the test
