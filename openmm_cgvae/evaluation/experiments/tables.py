"""Tables of a benchmark in Markdown: metrics beside those that the paper prints."""

import json
import math
from pathlib import Path

import pandas as pd

from openmm_cgvae._runtime.atomic_files import written_whole
from openmm_cgvae.evaluation.experiments.benchmark_systems import BENCHMARK_SYSTEMS
from openmm_cgvae.evaluation.experiments.plan import DEFAULT_MAPPING
from openmm_cgvae.evaluation.experiments.results import over_folds, printed
from openmm_cgvae.metrics.vocabulary import ATOMS, METRICS, RECONSTRUCTIONS, Metric

__all__ = ["MODEL_NAMES", "says_something", "tables", "write_tables"]

MARKDOWN, NUMBERS = "results.md", "results.json"

# What the paper prints, heavy atoms first, and the metrics beside it.
_PRINTED = [
    m for atoms in ATOMS for m in METRICS.values() if m.symbol and m.column == atoms
]
_BESIDE = [metric for metric in METRICS.values() if not metric.symbol]
MODEL_NAMES = {
    "cgvae": "CGVAE",
    "published": "published recipe",
    "auto-encoder": "auto-encoder",
    "linear": "linear",
    "mlp": "MLP",
}
# Their samples of the same beads are all the same.
_DETERMINISTIC = ("linear", "mlp")
_NOTHING = "–"


def write_tables(results: list[dict], folder: Path) -> str:
    """Write the tables and the numbers behind them.

    Parameters
    ----------
    results : list of dict
        The cells that are done, of one system.
    folder : Path
        Gets ``results.md`` and ``results.json``.

    Returns
    -------
    str
        The tables.
    """
    if not results:
        return ""
    text = tables(results)
    numbers = over_folds(results).to_json(orient="records", indent=1)
    for name, content in ((MARKDOWN, text), (NUMBERS, numbers + "\n")):
        with written_whole(folder / name) as unfinished:
            unfinished.write_text(content, encoding="utf-8")
    return text


def tables(results: list[dict]) -> str:
    """Build the tables: for each mapping and split the printed metrics and the rest.

    Parameters
    ----------
    results : list of dict
        The cells that are done, of one system.

    Returns
    -------
    str
        Markdown.
    """
    system = results[0]["system"]
    ours, paper = over_folds(results), printed(system)
    parts = []
    groups = ours.groupby(["mapping", "split", "pseudoscalar_init"], dropna=False)
    for (mapping, split, init), group in groups:
        parts.append(_title(system, mapping, split, init, group))
        parts.append(_side_by_side(group, paper, _PRINTED))
        parts.append("Beside the printed metrics:\n")
        parts.append(_ours_alone(group, _BESIDE))
    return "\n".join([*parts, _record(results)])


def _title(
    system: str, mapping: str, split: str, init: float, group: pd.DataFrame
) -> str:
    own = BENCHMARK_SYSTEMS[system].mappings
    beads = sorted(group["n_beads"].unique())
    how = (
        ", ".join(f"{own.get(n, mapping)} (N = {n})" for n in beads)
        if mapping == DEFAULT_MAPPING
        else mapping
    )
    more = "" if math.isnan(init) else f"; pseudoscalars start from {init:g}"
    return f"### {system}, {split} split; beads: {how}{more}\n"


def _side_by_side(
    ours: pd.DataFrame, paper: pd.DataFrame, metrics: list[Metric]
) -> str:
    beads = sorted(ours["n_beads"].unique())
    heads = [cell for n in beads for cell in (f"N = {n}, paper", "ours")]
    lines = [_row(["", "model", *heads]), _row(["---"] * (2 + len(heads)))]
    found, theirs = _lookup(ours), _lookup(paper)
    for metric in metrics:
        for model in _models(ours):
            if not says_something(model, metric.name):
                continue
            cells = [
                cell
                for n in beads
                for cell in (
                    theirs.get((_twin(model), n, metric.name), _NOTHING),
                    found.get((model, n, metric.name), _NOTHING),
                )
            ]
            lines.append(_row([metric.title, MODEL_NAMES[model], *cells]))
    return "\n".join(lines) + "\n"


def _ours_alone(ours: pd.DataFrame, metrics: list[Metric]) -> str:
    beads = sorted(ours["n_beads"].unique())
    heads = [f"N = {n}" for n in beads]
    lines = [_row(["", "model", *heads]), _row(["---"] * (2 + len(heads)))]
    found = _lookup(ours)
    for metric in metrics:
        name = metric.name
        models = [model for model in _models(ours) if says_something(model, name)]
        for model in models[:1] if metric.is_of_data else models:
            cells = [found.get((model, n, name), _NOTHING) for n in beads]
            whose = "(data)" if metric.is_of_data else MODEL_NAMES[model]
            if set(cells) != {_NOTHING}:
                lines.append(_row([metric.title, whose, *cells]))
    return "\n".join(lines) + "\n"


def _lookup(table: pd.DataFrame) -> dict[tuple[str, int, str], str]:
    columns = ["model", "n_beads", "quantity", "value", "error"]
    return {
        (model, n_beads, quantity): _number(value, error)
        for model, n_beads, quantity, value, error in table[columns].itertuples(
            index=False
        )
    }


def _number(value: float, error: float) -> str:
    return f"{value:.3f}" if math.isnan(error) else f"{value:.3f} ± {error:.3f}"


def _models(table: pd.DataFrame) -> list[str]:
    present = set(table["model"])
    return [model for model in MODEL_NAMES if model in present]


def says_something(model: str, quantity: str) -> bool:
    """Check whether a metric says something of a kind of model.

    Parameters
    ----------
    model : str
        One of `MODEL_NAMES`.
    quantity : str
        One of `vocabulary.METRICS`.

    Returns
    -------
    bool
        False for the samples of an auto-encoder, which has no prior, and the spread of
        a baseline's.

    Examples
    --------
    >>> says_something("linear", "rmsd_gen_heavy"), says_something("cgvae", "valid_all")
    (False, True)
    """
    metric = METRICS[quantity]
    if model == "auto-encoder":
        return metric.group == RECONSTRUCTIONS
    return not (metric.needs_spread and model in _DETERMINISTIC)


def _twin(model: str) -> str:
    """Return the paper's model: its RMSD_recon of the CGVAE is of an auto-encoder."""
    return "cgvae" if model in ("auto-encoder", "published") else model


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _record(results: list[dict]) -> str:
    """Return how the numbers came about."""
    records = [result["record"] for result in results]
    folds = {result["cell"]["fold"] for result in results}
    minutes = [r["training_cpu_s"] / 60 for r in records if r["training_cpu_s"]]
    first = results[0]
    lines = [
        f"Preset `{first['preset']}`; {len(folds)} of 5 folds, mean ± standard error; "
        f"{first['n_test_frames']} held-out frames at most, {first['n_samples']} "
        f"samples of each; {first['n_relaxed']} samples relaxed; seed {first['seed']}."
    ]
    if first["n_frames"] is not None:
        lines.append(f"At most {first['n_frames']} frames of the trajectory were used.")
    if minutes:
        lines.append(
            f"Training took {min(minutes):.1f} to {max(minutes):.1f} CPU minutes a "
            f"model, {sum(minutes):.0f} in all."
        )
    where = {(r["processor"], r["n_cores"], r["device"]) for r in records}
    for processor, n_cores, device in sorted(where):
        lines.append(f"Machine: {processor}, {n_cores} cores; trained on {device}.")
    dates = sorted({record["date"] for record in records})
    versions = {json.dumps(record["versions"]) for record in records}
    for text in sorted(versions):
        names = ", ".join(f"{name} {v}" for name, v in json.loads(text).items())
        lines.append(f"Versions: {names}; {' to '.join({dates[0], dates[-1]})}.")
    commands = sorted({record["command"] for record in records if record["command"]})
    return "\n".join([*lines, *(f"\n```sh\n{line}\n```" for line in commands)]) + "\n"
