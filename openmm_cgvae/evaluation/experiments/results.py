"""Results of a benchmark: metrics over folds, and what the paper prints."""

import json
from importlib import resources
from pathlib import Path

import numpy as np
import pandas as pd

from openmm_cgvae._runtime.deprecations import current_names
from openmm_cgvae.evaluation.evaluation import RENAMED
from openmm_cgvae.evaluation.experiments.benchmark_cell import CELLS, RESULT
from openmm_cgvae.metrics import mean_and_standard_error
from openmm_cgvae.metrics.vocabulary import ATOMS, METRICS

__all__ = ["over_folds", "printed", "read_results"]

# What tells lines of a table or of a figure apart.
SERIES = ("mapping", "split", "pseudoscalar_init", "model")
_PAPER = "paper.csv"


def read_results(folder: Path) -> list[dict]:
    """Read the cells that are done.

    Parameters
    ----------
    folder : Path
        Folder of a benchmark.

    Returns
    -------
    list of dict
        What `run_benchmark` wrote for each.
    """
    found = sorted(folder.glob(f"{CELLS}/*/{RESULT}"))
    results = [json.loads(path.read_text()) for path in found]
    for result in results:
        result["evaluation"] = current_names(result["evaluation"], RENAMED, warns=False)
    return results


def over_folds(results: list[dict]) -> pd.DataFrame:
    """Compute means over the folds of every model.

    Parameters
    ----------
    results : list of dict
        From `read_results`.

    Returns
    -------
    pandas.DataFrame
        One row a model and quantity: ``n_beads``, ``mapping``, ``split``,
        ``pseudoscalar_init`` (nan for the preset's), ``model``, ``quantity``,
        ``value``, ``error`` (standard error; nan for one fold), ``n_folds``. Folds
        where a quantity does not exist do not count.

    Examples
    --------
    >>> cell = {"n_beads": 3, "mapping": "default", "split": "block",
    ...         "pseudoscalar_init": None, "model": "cgvae"}
    >>> results = [
    ...     {"cell": cell, "evaluation": {"valid_all": value}} for value in (0.5, 1.0)
    ... ]
    >>> over_folds(results)[["value", "error", "n_folds"]].values.tolist()
    [[0.75, 0.25, 2.0]]
    """
    values: dict[tuple, list[float]] = {}
    for result in _with_ratios(results):
        cell = result["cell"]
        init = cell["pseudoscalar_init"]
        series = (
            cell["n_beads"],
            cell["mapping"],
            cell["split"],
            np.nan if init is None else init,
            cell["model"],
        )
        for quantity, value in result["evaluation"].items():
            if quantity in METRICS and value is not None:
                values.setdefault((*series, quantity), []).append(value)
    rows = [
        (*key, *map(float, mean_and_standard_error(found)), len(found))
        for key, found in values.items()
    ]
    columns = ["n_beads", *SERIES, "quantity", "value", "error", "n_folds"]
    return pd.DataFrame(rows, columns=columns)


def _with_ratios(results: list[dict]) -> list[dict]:
    """Add the ratio of energy scores where the published recipe has the same fold."""
    published = {
        _twin(result): result["evaluation"]
        for result in results
        if result["cell"]["model"] == "published"
    }
    with_ratios = []
    for result in results:
        ours, theirs = result["evaluation"], published.get(_twin(result))
        ratios = {
            f"energy_score_{atoms}_over_published": ours[score] / theirs[score]
            for atoms in ATOMS
            if theirs is not None
            and result["cell"]["model"] == "cgvae"
            and ours.get(score := f"energy_score_{atoms}") is not None
            and theirs.get(score)
        }
        with_ratios.append({**result, "evaluation": {**ours, **ratios}})
    return with_ratios


def _twin(result: dict) -> tuple:
    """Return all that tells a cell apart, but for its model."""
    cell = result["cell"]
    return tuple(cell[name] for name in sorted(cell) if name != "model")


def printed(system: str) -> pd.DataFrame:
    """Read what the paper prints of a system.

    Parameters
    ----------
    system : str
        Name of the system.

    Returns
    -------
    pandas.DataFrame
        Columns ``model``, ``n_beads``, ``quantity`` (the field of `Evaluation` that
        is computed as it was), ``value``, ``error``, ``source`` (table of the paper).

    Examples
    --------
    >>> table = printed("chignolin").set_index(["model", "n_beads", "quantity"])
    >>> float(table.loc[("cgvae", 6, "valid_heavy"), "value"])
    0.415
    """
    with (resources.files(__package__) / _PAPER).open() as file:
        table = pd.read_csv(file)
    return table[table["system"] == system].drop(columns="system")
