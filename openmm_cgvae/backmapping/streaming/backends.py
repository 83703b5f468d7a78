"""Where blocks are backmapped: here, in other processes, or on a cluster."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    Executor,
    Future,
    wait,
)
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from typing import Any, TypeAlias

from MDAnalysis.analysis.backends import BackendBase

from openmm_cgvae._runtime.arguments import checked_count
from openmm_cgvae._runtime.run_folder import StoppedError
from openmm_cgvae._runtime.worker_processes import process_pool
from openmm_cgvae.backmapping.streaming.job import Job, make_block

__all__ = ["Backend", "check_backend", "finished_blocks"]

# A name, a dask.distributed.Client, or a backend of MDAnalysis.
Backend: TypeAlias = Any

_NAMES = ("serial", "multiprocessing", "dask")
# Blocks handed out for each worker at a time: enough that none waits, and few, since
# those that are done early wait on disk for the ones before them.
_BLOCKS_PER_WORKER = 4


def check_backend(backend: Backend, n_workers: int | None) -> None:
    """Check that there is such a backend.

    Raises
    ------
    ImportError
        If it needs a package that is not installed.
    ValueError
        If there is no such backend, or the number of workers is not possible.

    Examples
    --------
    >>> check_backend("serial", None)
    """
    is_known = backend in _NAMES if isinstance(backend, str) else _is_object(backend)
    if not is_known:
        raise ValueError(
            f"`backend` is {backend!r} but must be 'serial', 'multiprocessing', "
            "'dask', a dask.distributed.Client or a backend of MDAnalysis"
        )
    if n_workers is not None:
        checked_count("n_workers", n_workers, "leave it out to have one for every core")
    if backend == "dask":
        try:
            import dask.multiprocessing  # noqa: F401, PLC0415
        except ImportError as error:
            raise ImportError(
                "`backend` is 'dask', which is not installed; pip install "
                "'dask[distributed]' or use backend='multiprocessing'"
            ) from error


def finished_blocks(
    job: Job, blocks: Sequence[int], backend: Backend, n_workers: int | None = None
) -> Iterator[int]:
    """Backmap blocks and yield each when it is finished, in any order.

    Parameters
    ----------
    job : Job
        What is to be done.
    blocks : sequence of int
        Which blocks.
    backend : str, Client or BackendBase
        Where.
    n_workers : int, optional
        Number of processes; one for every core by default.

    Yields
    ------
    int
        A block.

    Raises
    ------
    StoppedError
        If a worker process died.
    """
    if isinstance(backend, str) and backend == "serial":
        yield from _here(job, blocks)
        return
    # Unlike a closure, this pickles everywhere.
    make = partial(make_block, job.save())
    if isinstance(backend, BackendBase):
        yield from _by_mdanalysis(make, blocks, backend)
        return
    try:
        if isinstance(backend, str):
            yield from _by_processes(make, blocks, backend, n_workers or _n_cores())
        else:
            n_threads = sum(backend.nthreads().values())
            with backend.get_executor(pure=False) as executor:
                yield from _as_completed(executor, make, blocks, n_threads)
    except BrokenProcessPool as error:
        raise StoppedError(
            f"`backend` is {backend!r} but a worker process died; in a script, call "
            "this under `if __name__ == '__main__':`, or use backend='serial'"
        ) from error


def _here(job: Job, blocks: Sequence[int]) -> Iterator[int]:
    for block in blocks:
        job.make(block)
        yield block


def _n_cores() -> int:
    """Return the number of cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _is_object(backend: Backend) -> bool:
    is_client = hasattr(backend, "get_executor") and hasattr(backend, "nthreads")
    return is_client or isinstance(backend, BackendBase)


def _by_processes(
    make: partial, blocks: Sequence[int], name: str, n_workers: int
) -> Iterator[int]:
    with process_pool(n_workers) as pool:
        if name == "multiprocessing":
            yield from _as_completed(pool, make, blocks, n_workers)
            return
        import dask  # noqa: PLC0415 - only there if installed

        for some in _rounds(blocks, n_workers):
            tasks = [dask.delayed(make, pure=False)(block) for block in some]
            yield from dask.compute(*tasks, scheduler="processes", pool=pool)


def _by_mdanalysis(
    make: partial, blocks: Sequence[int], backend: BackendBase
) -> Iterator[int]:
    for some in _rounds(blocks, backend.n_workers):
        yield from backend.apply(make, list(some))


def _rounds(blocks: Sequence[int], n_workers: int) -> Iterator[Sequence[int]]:
    n_each = n_workers * _BLOCKS_PER_WORKER
    for start in range(0, len(blocks), n_each):
        yield blocks[start : start + n_each]


def _as_completed(
    executor: Executor, make: partial, blocks: Sequence[int], n_workers: int
) -> Iterator[int]:
    waiting = iter(blocks)
    running: set[Future] = set()
    try:
        while True:
            while len(running) < n_workers * _BLOCKS_PER_WORKER:
                block = next(waiting, None)
                if block is None:
                    break
                running.add(executor.submit(make, block))
            if not running:
                return
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()
    finally:
        for future in running:
            future.cancel()
