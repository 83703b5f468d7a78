"""Training steps and sampling, as yardsticks and as shares of the arithmetic floor."""

import math
import os
import tempfile
from collections.abc import Callable, Iterator
from unittest import mock

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.systems import (
    TrainingStep,
    decoding,
    make_model,
    shipped_config,
    shipped_model,
)
from benchmarks.timing import Measurement, measure
from openmm_cgvae.model import CGVAE

ALA, CLN = "alanine-dipeptide", "chignolin"


def flops_of_linear(
    features: tuple[int, ...], weight: tuple[int, ...], *_: object, **__: object
) -> int:
    return 2 * math.prod(features) * weight[0]


# Products that torch's counter does not know.
MORE_PRODUCTS = {
    torch.ops.openmm_cgvae.linear: flops_of_linear,
    torch.ops.mkldnn._linear_pointwise: flops_of_linear,
}


def flops_of(call: Callable[[], object]) -> float:
    """Count the matrix products; the optimiser has none."""
    with FlopCounterMode(display=False, custom_mapping=MORE_PRODUCTS) as counter:
        call()
    return counter.get_total_flops()


def training(*, quick: bool) -> Iterator[Measurement]:
    seconds = 1.5 if quick else 5.0
    cases = [(ALA, n, 128, 32) for n in ((3,) if quick else (3, 5, 8))]
    cases += [] if quick else [(ALA, 3, 600, 32)]
    cases += [(CLN, 6, 128, 2)]
    cases += [] if quick else [(CLN, 6, 128, 16), (CLN, 30, 128, 2), (CLN, 30, 128, 16)]
    for messages in ("sender", "product"):
        for name, n_beads, n_channels, batch_size in cases:
            if messages == "product" and (n_channels, batch_size) == (128, 16):
                continue  # minutes each, and nothing that batch 2 does not show
            model = make_model(name, n_beads, n_channels=n_channels, messages=messages)
            step = TrainingStep.of(model, name, batch_size)
            sizes = f"N={n_beads} F={n_channels} batch {batch_size}"
            yield measure(
                f"train {name} {sizes} {messages}",
                step,
                seconds=seconds,
                flops=flops_of(step.loss_and_gradient),
            )
    for n_channels in (128,) if quick else (128, 600):
        model = make_model(ALA, 3, n_channels=n_channels, messages="sender")
        step = TrainingStep.of(model, ALA, 32)
        step()
        yield measure(
            f"... of it clipping and Adam, {ALA} N=3 F={n_channels}",
            step.move,
            seconds=seconds,
        )
    for name, batch_size in ((ALA, 64), (CLN, 16)):
        n_beads = 3 if name == ALA else 6
        step = TrainingStep.of(
            make_model(name, n_beads, shipped_config()), name, batch_size
        )
        yield measure(
            f"train {name} N={n_beads} preset fast batch {batch_size}",
            step,
            seconds=seconds,
            flops=flops_of(step.loss_and_gradient),
        )


def compiled(*, quick: bool) -> Iterator[Measurement]:
    """Time steps through `torch.compile`, as in long trainings, and the compiler."""
    seconds = 1.5 if quick else 4.0
    cases = [(ALA, 3, 128, 32), (ALA, 3, 600, 32), (CLN, 6, 128, 2)]
    for name, n_beads, n_channels, batch_size in cases[:1] if quick else cases:
        model = make_model(name, n_beads, n_channels=n_channels, messages="sender")
        words = f"{name} N={n_beads} F={n_channels} batch {batch_size} sender"
        yield compiled_step(model, name, batch_size, words, seconds)
    if not quick:
        model = make_model(ALA, 3, shipped_config())
        yield compiled_step(model, ALA, 64, f"{ALA} N=3 preset fast batch 64", seconds)


def compiled_step(
    model: CGVAE, name: str, batch_size: int, words: str, seconds: float
) -> Measurement:
    """Time a step, and how many pay for the compiler."""
    plain = TrainingStep.of(model, name, batch_size)
    flops = flops_of(plain.loss_and_gradient)
    before = measure(f"train {words}", plain, seconds=seconds)
    step = TrainingStep.of(model, name, batch_size)
    with tempfile.TemporaryDirectory() as folder:
        # Compiled anew, whatever was compiled before.
        with mock.patch.dict(os.environ, {"TORCHINDUCTOR_CACHE_DIR": folder}):
            cpu = used()
            step.compile()
            step()
            cpu = used() - cpu
        row = measure(f"train {words}, compiled", step, seconds=seconds, flops=flops)
    pays = 1e3 * cpu / max(before.cpu_ms - row.cpu_ms, 1e-3)
    row.note = f"compiler {cpu:.0f} CPU s; {before.yardsticks:.3g} yardsticks without"
    row.note += f", pays from {pays:.0f} steps"
    return row


def used() -> float:
    """Give the CPU seconds of this process and of those it started and saw end."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def sampling(*, quick: bool) -> Iterator[Measurement]:
    models = {
        "N=3 F=128 sender": make_model(ALA, 3, n_channels=128, messages="sender"),
        "N=3 F=128 product": make_model(ALA, 3, n_channels=128),
        "N=3 shipped": shipped_model(),
    }
    for batch_size in (1, 256) if quick else (1, 32, 256, 4096):
        for words, model in models.items():
            call = decoding(model, ALA, batch_size)
            yield measure(
                f"sample {ALA} {words} batch {batch_size}",
                call,
                seconds=1.0 if quick else 3.0,
                flops=flops_of(call),
                per=batch_size,
                note="per structure",
            )
