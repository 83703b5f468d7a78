"""Worker processes: pools whose workers end when their parent does, however it ends."""

import os
import threading
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait

__all__ = ["process_pool"]

_SECONDS_BETWEEN_LOOKS = 1.0


def process_pool(n: int) -> ProcessPoolExecutor:
    """Return a pool of processes that are started with the first call.

    Parameters
    ----------
    n : int
        How many processes.

    Returns
    -------
    ProcessPoolExecutor
        The pool.
    """
    # Spawned, since forking a process that has used threads may hang.
    return ProcessPoolExecutor(
        n, mp_context=get_context("spawn"), initializer=_end_with_parent
    )


def _end_with_parent() -> None:
    """Watch the parent of this process in a thread, and end when it is gone.

    A worker waits for calls on a pipe that its siblings hold open too, so a parent that
    is killed does not end it. Linux could send a signal, but does so as soon as the
    thread ends that has started the worker.
    """
    threading.Thread(target=_watch, args=(os.getppid(),), daemon=True).start()


def _watch(parent: int) -> None:
    process = parent_process()
    if process is None:
        return
    # Processes that the parent forked may hold its end of the pipe.
    while not wait([process.sentinel], _SECONDS_BETWEEN_LOOKS):
        if os.getppid() != parent:
            break
    os._exit(1)
