"""Tables of a page: what the report says, and what relaxing did."""

from collections.abc import Sequence
from html import escape

import numpy as np

from openmm_cgvae.structures.ensemble import Relaxation
from openmm_cgvae.structures.report import Report

__all__ = ["check_table", "sample_table", "table"]


def check_table(before: Report, after: Report | None) -> str:
    """Build the table of checks, of samples and of relaxed samples side by side.

    Parameters
    ----------
    before : Report
        Of the samples.
    after : Report, optional
        Of the relaxed ones.

    Returns
    -------
    str
        A table of HTML.
    """
    heads = ["check", "good", "worst"]
    rows = [list(row) for row in before.rows()]
    if after is not None:
        heads += ["good, relaxed", "worst, relaxed"]
        found = {label: (good, worst) for label, good, worst in after.rows()}
        rows = [[*row, *found.get(row[0], ("", ""))] for row in rows]
    return table(heads, rows)


def sample_table(before: Report, relaxation: Relaxation | None) -> str:
    """Build the table of samples, with energies where they were relaxed.

    Parameters
    ----------
    before : Report
        Of the samples.
    relaxation : Relaxation, optional
        What relaxing them did.

    Returns
    -------
    str
        A table of HTML.
    """
    heads = ["sample", "passes every check"]
    passed = ["yes" if good else "no" for good in before.is_good]
    columns: list[np.ndarray] = []
    if relaxation is not None:
        heads += [
            "energy as made [kJ/mol]",
            "relaxed [kJ/mol]",
            "largest shift of an atom [Å]",
            "of a bead [Å]",
        ]
        columns += [
            relaxation.energy_before,
            relaxation.energy_after,
            relaxation.atom_shift,
            relaxation.bead_shift,
        ]
    rows = [
        [str(sample), passed[sample], *(_number(column[sample]) for column in columns)]
        for sample in range(len(before))
    ]
    return table(heads, rows)


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Build a table of HTML; "no" and fractions below 100 % are marked.

    Parameters
    ----------
    heads : sequence of str
        Titles of the columns.
    rows : sequence of sequence of str
        Cells.

    Returns
    -------
    str
        The table, everything escaped.

    Examples
    --------
    >>> print(table(["a<b"], [["no"]]))
    <table>
    <tr><th>a&lt;b</th></tr>
    <tr><td class="bad">no</td></tr>
    </table>
    """
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    lines = ["".join(_marked(text) for text in row) for row in rows]
    body = "\n".join(f"<tr>{line}</tr>" for line in [head, *lines])
    return f"<table>\n{body}\n</table>"


def _marked(text: str) -> str:
    is_bad = text == "no" or (text.endswith(" %") and text != "100.0 %")
    start = '<td class="bad">' if is_bad else "<td>"
    return f"{start}{escape(text)}</td>"


def _number(value: float) -> str:
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3f}"
