"""Trainer options: on which devices and in how many processes a training runs."""

import os
from typing import Any

__all__ = ["TRAINER_OPTIONS", "checked_trainer_options"]

TRAINER_OPTIONS = (
    "accelerator",
    "devices",
    "num_nodes",
    "strategy",
    "precision",
    "plugins",
)
# Not every stage trains every weight, which the plain strategy takes for a mistake.
SHARED_STRATEGY = "ddp_find_unused_parameters_true"


def checked_trainer_options(
    trainer_options: dict[str, Any] | None,
    run_directory: str | os.PathLike[str] | None,
) -> dict[str, Any]:
    """Check the options of Lightning's Trainer, and complete them.

    Parameters
    ----------
    trainer_options : dict, optional
        What the user gave.
    run_directory : path-like, optional
        Where checkpoints are to be.

    Returns
    -------
    dict
        The options.

    Raises
    ------
    ValueError
        If an option is not about where to train, or several processes have no folder in
        common.

    Examples
    --------
    >>> checked_trainer_options({"devices": 2}, "run")
    {'devices': 2, 'strategy': 'ddp_find_unused_parameters_true'}
    """
    options = dict(trainer_options or {})
    unknown = [name for name in options if name not in TRAINER_OPTIONS]
    if unknown:
        raise ValueError(
            f"`trainer_options` has {unknown[0]!r} but may have "
            f"{', '.join(TRAINER_OPTIONS)}; the rest is decided by `training_options`"
        )
    alone = options.get("devices", 1) == 1 and options.get("num_nodes", 1) == 1
    if alone:
        return options
    if run_directory is None:
        raise ValueError(
            "`run_directory` is missing but several processes need one in common; give "
            "a folder that all of them see"
        )
    if options.get("strategy", "ddp") in ("auto", "ddp"):
        options["strategy"] = SHARED_STRATEGY
    return options
