"""Training steps and sampling, as yardsticks and as shares of the arithmetic floor."""

import math
from collections.abc import Callable, Iterator

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.systems import (
    SamplingCall,
    TrainingStep,
    make_model,
    shipped_config,
    shipped_model,
)
from benchmarks.timing import Measurement, measure

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


def sampling(*, quick: bool) -> Iterator[Measurement]:
    models = {
        "N=3 F=128 sender": make_model(ALA, 3, n_channels=128, messages="sender"),
        "N=3 F=128 product": make_model(ALA, 3, n_channels=128),
        "N=3 shipped": shipped_model(),
    }
    for batch_size in (1, 256) if quick else (1, 32, 256, 4096):
        for words, model in models.items():
            call = SamplingCall(model, ALA, batch_size)
            yield measure(
                f"sample {ALA} {words} batch {batch_size}",
                call,
                seconds=1.0 if quick else 3.0,
                flops=flops_of(call),
                per=batch_size,
                note="per structure",
            )
