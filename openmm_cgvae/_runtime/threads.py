"""Threads of PyTorch, for a while."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["threads"]


@contextmanager
def threads(n_threads: int) -> Iterator[None]:
    """Change the number of torch's threads, and restore it afterwards.

    The networks here are small: a second thread gains little on free cores, and on
    cores that others use the two wait for each other, which was measured to take
    forty times as long as one thread alone.

    Parameters
    ----------
    n_threads : int
        Threads within the block.

    Examples
    --------
    >>> with threads(1):
    ...     torch.get_num_threads()
    1
    """
    before = torch.get_num_threads()
    if before == n_threads:
        yield
        return
    torch.set_num_threads(n_threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
