"""How far atoms move within their beads, in the data and in samples of every frame.

    python -m benchmarks.coherence [--output docs/images/coherence.png]

Half a minute. A trajectory of alanine dipeptide with a frame every 0.02 ps is simulated
and thinned; its beads are backmapped frame by frame, with independent and with
correlated noise. A table and a figure come out.
"""

import argparse
from pathlib import Path

import MDAnalysis as mda
import numpy as np
from matplotlib.figure import Figure

from openmm_cgvae import load_model
from openmm_cgvae.backmapping.correlation_time import estimate_correlation_time
from openmm_cgvae.backmapping.sampler import Sampler
from openmm_cgvae.data import data_path
from openmm_cgvae.metrics.coherence import compare_steps
from openmm_cgvae.structures.state import AtomisticState

SPACING = 0.02  # ps
THINNED = (2, 5, 10, 25, 50, 250)
SHOWN = 5
N_FRAMES, MOST_FRAMES = 10_000, 2000


def simulate(model):
    universe = mda.Universe(str(data_path("alanine-dipeptide.pdb")))
    state = AtomisticState(model.atom_table, universe.atoms.positions)
    simulation = state.simulation(platform="Reference", timestep=0.002)
    simulation.integrator.setRandomNumberSeed(1)
    simulation.context.reinitialize(preserveState=True)
    simulation.context.setVelocitiesToTemperature(300, 1)
    simulation.step(5000)
    frames = []
    for _ in range(N_FRAMES):
        simulation.step(round(SPACING / 0.002))
        found = simulation.context.getState(positions=True)
        frames.append(10 * found.getPositions(asNumpy=True)._value)
    return np.array(frames)


def main():
    parser = argparse.ArgumentParser(description="Displacements between frames.")
    parser.add_argument("--output", type=Path, default=Path("coherence.png"))
    parser.add_argument("--model", default="alanine-dipeptide-3")
    options = parser.parse_args()
    model = load_model(options.model)
    trajectory, sampler = simulate(model), Sampler(model)
    rows = []
    print("ps between  time  independent: mean   ratio  distance  correlated: ...")
    for every in THINNED:
        data = trajectory[::every][:MOST_FRAMES]
        beads, numbers = model.mapping.project(data), np.arange(len(data))
        time = estimate_correlation_time(model, data)
        made = [sampler.sample(beads, numbers, 1, 1)[:, 0]]
        if time > 0:
            frames = min(time, 100.0)  # as good as for ever
            made.append(
                sampler.sample_many(beads[:, None], numbers, 1, 1, frames)[:, 0, 0]
            )
        found = [
            compare_steps(x, data, model.mapping, model.atom_table.is_heavy)
            for x in made
        ]
        rows.append((every * SPACING, found))
        numbers = "   ".join(
            f"{x.generated.mean():.3f} A {x.ratio:.2f} {x.distance:.3f} A"
            for x in found
        )
        print(
            f"{every * SPACING:g}  {time * every * SPACING:.2f} ps  data "
            f"{found[0].reference.mean():.3f} A   {numbers}"
        )
    draw(rows, options.output)


def draw(rows, path):
    figure = Figure(figsize=(9, 3.6), layout="constrained", facecolor="white")
    left, right = figure.subplots(1, 2)
    times, found = zip(*rows, strict=True)
    root = [
        [np.sqrt(np.mean(x**2)) for x in (f[0].reference, f[0].generated)]
        + [np.sqrt(np.mean(f[-1].generated ** 2))]
        for f in found
    ]
    styles = (
        ("simulation", "#222222", "-"),
        ("samples, independent", "#D55E00", "-"),
        ("samples, correlated", "#0072B2", "--"),
    )
    for column, (label, colour, style) in zip(np.transpose(root), styles, strict=True):
        left.plot(times, column, style, marker="o", color=colour, label=label, ms=4)
    left.set(
        xscale="log",
        xlabel="time between frames [ps]",
        ylabel="displacement within beads, RMS [Å]",
        ylim=(0, None),
    )
    shown = found[THINNED.index(SHOWN)]
    edges = np.linspace(0, 0.8, 41)
    steps = (shown[0].reference, shown[0].generated, shown[-1].generated)
    for values, (label, colour, style) in zip(steps, styles, strict=True):
        density = np.histogram(values, edges, density=True)[0]
        right.plot(edges[:-1] + 0.01, density, style, color=colour, label=label)
    right.set(
        xlabel=f"displacement within beads over {SHOWN * SPACING:g} ps [Å]",
        ylabel="density [1/Å]",
        ylim=(0, None),
    )
    right.legend(frameon=False)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main()
