"""CPU time next to a yardstick that is timed in the same loop."""

import gc
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

import torch

YARDSTICK_SIZE = 1024
YARDSTICK_FLOPS = 2 * YARDSTICK_SIZE**3
# Calls shorter than this are timed several at once [s].
SHORTEST_TIMED = 0.02


@dataclass(kw_only=True)
class Measurement:
    """One row of the table; times in milliseconds."""

    case: str
    cpu_ms: float
    wall_ms: float
    yardsticks: float
    yardstick_ms: float
    n: int
    floor_share: float | None = None
    note: str = ""

    @classmethod
    def of(
        cls, case: str, seconds: tuple[float, float], unit: float, per: int, n: int
    ) -> "Measurement":
        """Make a row of CPU and wall seconds of a call, and of the yardstick's."""
        cpu, wall = seconds
        return cls(
            case=case,
            cpu_ms=1e3 * cpu / per,
            wall_ms=1e3 * wall / per,
            yardsticks=cpu / unit,
            yardstick_ms=1e3 * unit,
            n=n,
        )

    def to_dict(self) -> dict:
        return asdict(self)


class Yardstick:
    """One float32 matrix product of 1024 x 1024 on the threads in use."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(0)
        shape = (YARDSTICK_SIZE, YARDSTICK_SIZE)
        self.first = torch.randn(shape, generator=generator)
        self.second = torch.randn(shape, generator=generator)
        self.result = torch.empty(shape)
        self()

    def __call__(self) -> None:
        torch.mm(self.first, self.second, out=self.result)


def timed(call: Callable[[], object], n_calls: int = 1) -> tuple[float, float]:
    """Return CPU and wall seconds of one call."""
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(n_calls):
        call()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return cpu / n_calls, wall / n_calls


def measure(
    case: str,
    call: Callable[[], object],
    *,
    seconds: float = 4.0,
    flops: float | None = None,
    per: int = 1,
    note: str = "",
) -> Measurement:
    """Time a call and the yardstick in turn; medians.

    ``per`` divides the times, for calls that make many structures; the ratio is that
    of the whole call. ``flops`` are those of the matrix products of one call.
    """
    yardstick = Yardstick()
    for _ in range(2):
        call()
    first, _ = timed(call)
    n_calls = max(1, round(SHORTEST_TIMED / max(first, 1e-6)))
    gc.collect()
    cpu, wall, ratio, unit = [], [], [], []
    started = time.perf_counter()
    while len(cpu) < 5 or (time.perf_counter() - started < seconds and len(cpu) < 40):
        unit_cpu, _ = timed(yardstick, 2)
        call_cpu, call_wall = timed(call, n_calls)
        unit.append(unit_cpu)
        cpu.append(call_cpu)
        wall.append(call_wall)
        ratio.append(call_cpu / unit_cpu)
    ratios = statistics.median(ratio)
    return Measurement(
        case=case,
        cpu_ms=1e3 * statistics.median(cpu) / per,
        wall_ms=1e3 * statistics.median(wall) / per,
        yardsticks=ratios,
        yardstick_ms=1e3 * statistics.median(unit),
        n=len(cpu),
        floor_share=None if flops is None else flops / YARDSTICK_FLOPS / ratios,
        note=note,
    )


def once(case: str, call: Callable[[], object], per: int, note: str) -> Measurement:
    """Time a long call once, between two yardsticks."""
    yardstick = Yardstick()
    before, _ = timed(yardstick, 4)
    seconds = timed(call)
    after, _ = timed(yardstick, 4)
    row = Measurement.of(case, seconds, (before + after) / 2, per, 1)
    row.note = note
    return row


def in_turn(
    bare: tuple[str, Callable[[], object]],
    whole: tuple[str, Callable[[], object]],
    per: int,
    note: str,
) -> Iterator[Measurement]:
    """Time two calls and the yardstick in turn, and compare each pair; medians."""
    yardstick = Yardstick()
    for _, call in (bare, whole):
        call()
    rounds = [(timed(yardstick, 4), timed(bare[1]), timed(whole[1])) for _ in range(11)]
    unit = statistics.median(of_unit for (of_unit, _), _, _ in rounds)
    ratios = sorted(of_whole / of_bare for _, (of_bare, _), (of_whole, _) in rounds)
    compared = (
        f"; {statistics.median(ratios):.2f} x the other "
        f"({ratios[0]:.2f}-{ratios[-1]:.2f})"
    )
    for column, (case, _), more in ((1, bare, ""), (2, whole, compared)):
        cpu, wall = map(
            statistics.median, zip(*(r[column] for r in rounds), strict=True)
        )
        row = Measurement.of(case, (cpu, wall), unit, per, len(rounds))
        row.note = note + more
        yield row
