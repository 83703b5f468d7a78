"""Worker processes, started once and kept for the next call."""

from collections.abc import Callable
from concurrent.futures import Future
from functools import lru_cache
from typing import Any

from openmm_cgvae._runtime.worker_processes import process_pool

__all__ = ["OtherProcesses", "other_processes"]


class OtherProcesses:
    """Processes that are started when they are called for and then stay.

    To start one takes about a second, most of it for imports.

    Parameters
    ----------
    n : int
        How many.
    """

    def __init__(self, n: int) -> None:
        self.pool = process_pool(n)
        self._greeting: Future | None = None

    def call(self, greeting: Callable[[], Any]) -> None:
        """Start them; when they are ready they will have made this call.

        Parameters
        ----------
        greeting : callable
            Imports what they need.
        """
        if self._greeting is None:
            self._greeting = self.pool.submit(greeting)

    @property
    def are_ready(self) -> bool:
        """Whether they have been called and are there.

        Raises
        ------
        BrokenProcessPool
            If they died on the way.
        """
        if self._greeting is None or not self._greeting.done():
            return False
        self._greeting.result()
        return True

    def submit(self, call: Callable[..., Any], *arguments: Any) -> Future:
        """Submit a call to whichever is free next."""
        return self.pool.submit(call, *arguments)


@lru_cache(maxsize=1)
def other_processes(n: int) -> OtherProcesses:
    """Return the processes of earlier calls, or new ones that are not started yet.

    They end with this process, or when another number is asked for.

    Parameters
    ----------
    n : int
        How many.

    Returns
    -------
    OtherProcesses
        The processes.
    """
    return OtherProcesses(n)
