"""The pretrained models that ship with the package, and model files by path."""

import os
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from openmm_cgvae._runtime.deprecations import warn_of_old_name
from openmm_cgvae.model import Model, TransferableModel
from openmm_cgvae.model.checkpoint import SUFFIX, load_file

__all__ = ["list_models", "load_model", "model_path"]

FOLDER = Path(__file__).parent


def list_models() -> list[str]:
    """Find the models that ship with the package.

    Returns
    -------
    list of str
        Names for `load_model`.

    Examples
    --------
    >>> "alanine-dipeptide-3" in list_models()
    True
    """
    return sorted(path.name.removesuffix(SUFFIX) for path in FOLDER.glob("*" + SUFFIX))


def load_model(name_or_path: str | os.PathLike[str]) -> Model | TransferableModel:
    """Read a model that ships with the package, or one from a file.

    Nothing in the file is executed.

    Parameters
    ----------
    name_or_path : str or path-like
        A name from `list_models`, or the path of a model file.

    Returns
    -------
    Model or TransferableModel
        The model, in evaluation mode: of one molecule, or of any with beads of a
        family.

    Raises
    ------
    FileNotFoundError
        If there is neither such a model nor such a file.
    ValueError
        If the file is damaged, not a model, or from a newer version.

    Examples
    --------
    >>> load_model("alanine-dipeptide-3").mapping.n_beads
    3
    """
    return load_file(model_path(name_or_path))


def model_path(name_or_path: str | os.PathLike[str]) -> Path:
    """Find the file of a model by its name or path.

    Parameters
    ----------
    name_or_path : str or path-like
        A name from `list_models`, or the path of a model file.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    FileNotFoundError
        If there is none.
    """
    shipped = FOLDER / f"{os.fspath(name_or_path)}{SUFFIX}"
    if os.fspath(name_or_path) in list_models():
        return shipped
    path = Path(name_or_path)
    if not path.is_file():
        raise FileNotFoundError(
            f"`name_or_path` is {os.fspath(name_or_path)!r}, which is neither a file "
            f"nor a model of the package; those are {', '.join(list_models())}"
        )
    return path


if not TYPE_CHECKING:  # or type checkers would take any name for one of the module

    def __getattr__(name: str) -> Callable[..., Model]:
        """Forward what version 0.1 had; imported late, as it stands on this module."""
        if name != "find_model":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        home = "openmm_cgvae.backmapping.model_choice.choose_model"
        new = f"{home}.choose_model(...).model"
        warn_of_old_name(f"{__name__}.find_model(...)", new)
        choose_model = import_module(home).choose_model
        return lambda universe, **options: choose_model(universe, **options).model
