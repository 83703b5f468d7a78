"""The same models read by many at once, and samples whatever the threads."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from openmm_cgvae._runtime.threads import threads
from openmm_cgvae.backmapping.backmapper import Backmapper
from openmm_cgvae.backmapping.model_choice.choose_model import choose_model
from openmm_cgvae.model.pretrained import list_models, load_model
from openmm_cgvae.testing import dipeptide

N_READERS = 8
ROUNDING = 1e-4  # [A]: sums in another order, in float32


def test_many_threads_read_the_registry_at_once():
    beads = dipeptide.beads()
    with ThreadPoolExecutor(N_READERS) as pool:
        names = list(pool.map(lambda _: list_models(), range(N_READERS)))
        models = list(pool.map(load_model, list_models() * 2))
        chosen = list(pool.map(lambda _: choose_model(beads), range(N_READERS)))
    assert all(each == list_models() for each in names)
    for first, second in zip(
        models[: len(models) // 2], models[len(models) // 2 :], strict=True
    ):
        for name, tensor in first.state_dict().items():
            assert tensor.equal(second.state_dict()[name])
    assert {choice.model.mapping.n_beads for choice in chosen} == {3}


@pytest.mark.slow
def test_many_processes_read_the_registry_at_once():
    program = (
        "from openmm_cgvae import list_models, load_model\n"
        "print(*[load_model(n).config for n in list_models()])"
    )
    readers = [
        subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
        for _ in range(N_READERS)
    ]
    said = {reader.communicate()[0] for reader in readers}
    assert [reader.returncode for reader in readers] == [0] * N_READERS
    assert len(said) == 1


@pytest.mark.parametrize("n_threads", [2, 4])
def test_samples_do_not_depend_on_the_number_of_threads(n_threads):
    made = []
    for number in (1, n_threads):
        with threads(number):
            ensemble = Backmapper(dipeptide.beads(), dipeptide.untrained()).sample(
                n=20, seed=0
            )
        made.append(ensemble.positions_angstrom)
    np.testing.assert_allclose(made[0], made[1], atol=ROUNDING)
