"""Print one table of timings and write them as JSON.

python -m benchmarks.bench [--quick] [--threads 1] [--only train] [--output FILE]
"""

import argparse
import json
import math
import platform
from collections.abc import Callable, Iterator
from pathlib import Path

import torch

from benchmarks import backmapping, networks, pipelines, scaling
from benchmarks.timing import Measurement, Yardstick, timed
from openmm_cgvae.model.layers.kernels.fast_linear import PREFERS_ONEDNN

GROUPS: dict[str, Callable[..., Iterator[Measurement]]] = {
    "training": networks.training,
    "compiled": networks.compiled,
    "sampling": networks.sampling,
    "backmapping": backmapping.backmapping,
    "coarse_graining": pipelines.coarse_graining,
    "relaxing": pipelines.relaxing,
    "importing": pipelines.importing,
    "chains": scaling.chains,
    "frames": scaling.frames,
    "threads": scaling.threads,
}
HEAD = ("case", "CPU ms", "wall ms", "yardsticks", "of floor", "n", "")


def line(row: Measurement) -> str:
    share = "" if row.floor_share is None else f"{100 * row.floor_share:.0f} %"
    ratio = "" if math.isnan(row.yardsticks) else f"{row.yardsticks:.3g}"
    cells = (
        f"{row.cpu_ms:.4g}",
        f"{row.wall_ms:.4g}",
        ratio,
        share,
        str(row.n),
    )
    return (
        f"{row.case:58s}" + "".join(f"{cell:>11s}" for cell in cells) + f"  {row.note}"
    )


def processor() -> str:
    path = Path("/proc/cpuinfo")
    names = path.read_text().splitlines() if path.exists() else []
    found = [text.split(":", 1)[1].strip() for text in names if "model name" in text]
    return found[0] if found else platform.processor()


def yardsticks() -> str:
    """Time the yardstick by the two libraries of torch, best of seven."""
    yardstick = Yardstick()
    onednn = torch.ops.mkldnn._linear_pointwise
    first, second = yardstick.first, yardstick.second
    calls = (yardstick, lambda: onednn(first, second, None, "none", [], ""))
    times = (min(timed(call, 2)[0] for _ in range(7)) for call in calls)
    return ", ".join(f"{1e3 * seconds:.1f}" for seconds in times)


def main() -> None:
    parser = argparse.ArgumentParser(description="Time openmm_cgvae.")
    parser.add_argument("--quick", action="store_true", help="fewer and smaller cases")
    parser.add_argument("--threads", type=int, default=1, help="threads of torch")
    parser.add_argument("--only", choices=GROUPS, action="append", help="these groups")
    parser.add_argument("--output", type=Path, default=Path("bench.json"))
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    machine = {
        "processor": processor(),
        "threads": options.threads,
        "torch": torch.__version__,
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "yardstick by MKL, oneDNN [ms]": yardsticks(),
        "large linear layers by": "oneDNN" if PREFERS_ONEDNN else "MKL",
    }
    print(*(f"{name}: {value}" for name, value in machine.items()), sep="\n")
    print(f"{HEAD[0]:58s}" + "".join(f"{word:>11s}" for word in HEAD[1:6]))
    rows = []
    for group in options.only or GROUPS:
        for row in GROUPS[group](quick=options.quick):
            print(line(row), flush=True)
            rows.append({"group": group, **row.to_dict()})
    text = json.dumps({"machine": machine, "rows": rows}, indent=1)
    options.output.write_text(text.replace("NaN", "null"))


if __name__ == "__main__":
    main()
