"""Make atoms of a long trajectory on the workers of a cluster.

    python examples/trajectory_on_a_cluster.py          (half a minute)
    python examples/trajectory_on_a_cluster.py --quick  (seconds)

Here the cluster is two processes on this computer. Any other `dask.distributed`
cluster does as well, see docs/clusters.md; only the line that makes it changes.
"""

import argparse
import hashlib
from pathlib import Path

import MDAnalysis as mda
from dask.distributed import Client, LocalCluster

from openmm_cgvae import Backmapper, coarse_grain, load_model
from openmm_cgvae.data import data_path


def checksum(path: Path) -> str:
    """Hash a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def main() -> None:
    """Backmap in this process and on the cluster, and compare."""
    parser = argparse.ArgumentParser(description="Backmap a trajectory on a cluster.")
    parser.add_argument("--output", type=Path, default=Path(), help="folder for files")
    parser.add_argument("--quick", action="store_true", help="take fewer frames")
    options = parser.parse_args()
    n_frames = 300 if options.quick else 10_000

    model = load_model("alanine-dipeptide-3")
    atoms = mda.Universe(
        str(data_path("alanine-dipeptide.pdb")), str(data_path("alanine-dipeptide.xtc"))
    )
    # More frames than the package has, if need be, by reading them several times.
    n_times = -(-n_frames // atoms.trajectory.n_frames)
    atoms.load_new([str(data_path("alanine-dipeptide.xtc"))] * n_times)
    backmapper = Backmapper(coarse_grain(atoms, model.mapping), model)

    # If this is killed, the same call goes on where it stopped.
    here = backmapper.run(
        stop=n_frames, output=options.output / "here.xtc", progress=False
    )
    print(f"here: {here.n_frames} frames in {here.seconds:.0f} s, {checksum(here)}")

    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None
        ) as local,
        Client(local) as client,
    ):
        there = backmapper.run(
            stop=n_frames,
            output=options.output / "there.xtc",
            backend=client,
            progress=False,
        )
    print(f"there: {there.n_frames} frames in {there.seconds:.0f} s, {checksum(there)}")
    print("the same" if checksum(here) == checksum(there) else "not the same")


# Workers import this file; only the first process is to run it.
if __name__ == "__main__":
    main()
