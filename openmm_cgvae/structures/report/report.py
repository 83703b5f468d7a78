"""The report of an ensemble: columns, checks made of them, tables and files."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from openmm_cgvae._runtime.atomic_files import written_whole
from openmm_cgvae._runtime.deprecations import warn_of_old_name
from openmm_cgvae.structures.report.fault_finder import LARGEST_TWIST

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "CLASH_DISTANCE",
    "CONTACT_DISTANCE",
    "UNKNOWN_FRAME",
    "Report",
]

CLASH_DISTANCE = 1.2  # [Å]: atoms on top of each other
CONTACT_DISTANCE = 2.0  # [Å]: closer than any contact but a hydrogen bond
FLAT_RING = 0.15  # [Å], root mean square; the same peptides stay below 0.11
UNKNOWN_FRAME = -1  # where nothing is known of the frame
BEAD_TOLERANCE = 0.05  # [Å]: decoding is exact, restrained relaxation this good


@dataclass(frozen=True)
class _Check:
    """A column, the largest value of it that is good, and how to speak of it."""

    column: str
    limit: float
    label: str
    unit: str


_CHECKS = (
    _Check("lambda_2022", 0.0, "bonds of all atoms, 2022 radii", "lambda"),
    _Check("lambda_heavy_2022", 0.0, "bonds of heavy atoms, 2022 radii", "lambda"),
    _Check("lambda_rdkit", 0.0, "bonds of all atoms, RDKit radii", "lambda"),
    _Check("lambda_heavy_rdkit", 0.0, "bonds of heavy atoms, RDKit radii", "lambda"),
    _Check("n_wrong_bonds", 0.0, "bond lengths, by elements", "wrong"),
    _Check("n_wrong_stereocentres", 0.0, "chirality of stereocentres", "wrong"),
    _Check("amide_twist", LARGEST_TWIST, "amides flat", "deg off"),
    _Check("n_unexpected_cis_amides", 0.0, "no cis amide but of proline", "cis"),
    _Check("n_clashes", 0.0, f"no clash below {CLASH_DISTANCE} Å", "clashes"),
    _Check("ring_out_of_plane", FLAT_RING, "aromatic rings flat", "Å off"),
    _Check("n_pierced_rings", 0.0, "no ring pierced by a bond", "pierced"),
    _Check("bead_residual", BEAD_TOLERANCE, "beads kept", "Å off"),
    _Check("n_displaced_chains", 0.0, "chains in the image of their beads", "not"),
    _Check("n_far_atoms", 0.0, "atoms near their beads", "far"),
)
_OLD_COLUMNS = {"n_threaded_rings": "n_pierced_rings"}
_NOT_IN_ALL = ("lambda_rdkit", "lambda_heavy_rdkit")  # the 2022 radii are stricter


class _Columns(dict[str, np.ndarray]):
    """Columns by name, those of version 0.1 included."""

    def __missing__(self, name: str) -> np.ndarray:
        if name not in _OLD_COLUMNS:
            raise KeyError(name)
        warn_of_old_name(name, _OLD_COLUMNS[name])
        return self[_OLD_COLUMNS[name]]


@dataclass(frozen=True, eq=False, kw_only=True)
class Report:
    """What each sample of an ensemble gets right and wrong; from `make_report`.

    Attributes
    ----------
    molecule : str
        What the samples are of.
    columns : dict of str to ndarray, each of shape (n_samples,)
        ``frame`` (-1 where unknown); ``is_finite``; ``lambda_2022``,
        ``lambda_heavy_2022``, ``lambda_rdkit``, ``lambda_heavy_rdkit``: graph
        difference to the topology's bonds over their number, with the radii behind
        the paper's numbers (nan for elements they lack) and with RDKit's;
        ``valid_2022`` ... ``valid_heavy_rdkit``: whether that is zero;
        ``n_wrong_bonds``: bonds shorter than 0.7 or longer than 1.3 times the sum of
        RDKit's covalent radii; ``n_wrong_stereocentres``; ``n_cis_amides`` (omega
        nearer to 0 than to 180 degrees: right for some molecules, so counted but no
        check); ``n_unexpected_cis_amides``: those of a nitrogen with one carbon
        besides, as before all amino acids but proline, and in no small ring;
        ``amide_twist``: the most any amide is from planar [deg];
        ``n_clashes`` (below 1.2 Å) and ``n_contacts`` (below 2.0 Å) of pairs more
        than three bonds apart, in all images if there is a box;
        ``n_pierced_rings``: rings of up to eight atoms with a bond of other atoms
        through them; ``ring_out_of_plane``: root mean square distance of
        the worst aromatic ring's atoms from its plane [Å]; ``bead_residual``: the
        furthest a bead is from where it was asked to be, by the nearest image in a
        box [Å]; ``n_displaced_chains``: chains in another image than all of the beads
        they were given; ``n_far_atoms``: atoms farther from their bead than a
        stretched chain of all its heavy atoms would be. What the molecule has
        none of is zero if counted, nan if measured.
    """

    molecule: str
    columns: dict[str, np.ndarray]

    def __post_init__(self) -> None:
        """Let columns be found by their old names."""
        object.__setattr__(self, "columns", _Columns(self.columns))

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.columns["frame"])

    @property
    def checks(self) -> dict[str, np.ndarray]:
        """Whether each sample passes each check that could be made, by its column."""
        return {
            check.column: self.columns[check.column] <= check.limit
            for check in self._made()
        }

    @property
    def is_valid(self) -> np.ndarray:
        """Whether each sample has exactly the molecule's bonds, bool [n_samples].

        By the stricter radii of 2022, where they know the molecule's elements.
        """
        known = len(self) > 0 and not np.isnan(self.columns["lambda_2022"]).any()
        return self.columns["valid_2022" if known else "valid_rdkit"]

    @property
    def is_good(self) -> np.ndarray:
        """Whether each sample passes every check, bool [n_samples]."""
        passed = [
            values
            for column, values in self.checks.items()
            if column not in _NOT_IN_ALL
        ]
        return np.logical_and.reduce(
            [self.columns["is_finite"], self.is_valid, *passed]
        )

    @property
    def worst(self) -> int:
        """The sample that fails most checks, of those the one with most wrong bonds.

        Raises
        ------
        ValueError
            If there is no sample.
        """
        if len(self) == 0:
            raise ValueError("the report is of 0 samples, so none is the worst")
        n_failed = sum((~passed).astype(int) for passed in self.checks.values())
        wrong_bonds = self.columns["lambda_rdkit"]
        return int(np.lexsort((-wrong_bonds, -np.asarray(n_failed)))[0])

    def summary(self) -> dict[str, float]:
        """Compute the fraction of good samples per check, and means of the columns.

        Returns
        -------
        dict of str to float
            ``"good"`` and ``"valid"``, ``"pass <column>"`` for each check that could
            be made, ``"mean <column>"`` for each measured column; empty without
            samples.
        """
        if len(self) == 0:
            return {}
        fractions = {"good": self.is_good, "valid": self.is_valid}
        fractions |= {f"pass {name}": passed for name, passed in self.checks.items()}
        means = {
            f"mean {name}": column
            for name, column in self.columns.items()
            if column.dtype != np.bool_ and name != "frame" and not _is_unmade(column)
        }
        return {
            name: float(values.mean()) for name, values in (fractions | means).items()
        }

    def to_dataframe(self) -> "pd.DataFrame":
        """Return the columns as a pandas table, one row per sample."""
        import pandas as pd  # slow to import, seldom needed

        return pd.DataFrame(self.columns).rename_axis("sample")

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain JSON types; what is not a number becomes None."""
        return {
            "molecule": self.molecule,
            "n_samples": len(self),
            "summary": {name: _plain(value) for name, value in self.summary().items()},
            "columns": {
                name: [_plain(value) for value in column.tolist()]
                for name, column in self.columns.items()
            },
        }

    def to_json(self, path: str | os.PathLike[str]) -> None:
        """Write `to_dict` to a file, replaced in one step.

        Parameters
        ----------
        path : path-like
            File to write.
        """
        text = json.dumps(self.to_dict(), indent=1, allow_nan=False) + "\n"
        with written_whole(Path(path)) as unfinished:
            unfinished.write_text(text, encoding="utf-8")

    def rows(self) -> list[tuple[str, str, str]]:
        """Return each check in words: what it asks, the fraction of good, the worst.

        Returns
        -------
        list of (str, str, str)
            A row for every check that could be made, one for all of them, and one
            for cis amides; empty without samples.
        """
        if len(self) == 0:
            return []
        rows = []
        for check in self._made():
            values = self.columns[check.column]
            good = f"{100 * np.mean(values <= check.limit):.1f} %"
            rows.append((check.label, good, f"{values.max():.3g} {check.unit}"))
        rows.append(("all of these", f"{100 * self.is_good.mean():.1f} %", ""))
        n_cis = self.columns["n_cis_amides"]
        rows.append(("cis amides in a sample", "", f"{n_cis.mean():.3g} on average"))
        return rows

    def __str__(self) -> str:
        """Return a short table: per check the good samples and the worst value."""
        plural = "" if len(self) == 1 else "s"
        title = f"{len(self)} sample{plural} of {self.molecule}"
        if len(self) == 0:
            return title
        rows = [("check", "good", "worst"), *self.rows()]
        width = max(len(label) for label, _, _ in rows)
        table = [f"  {a:<{width}}  {b:>7}   {c}".rstrip() for a, b, c in rows]
        return "\n".join([title, *table, self._about_worst()])

    def _about_worst(self) -> str:
        sample = self.worst
        failed = [
            f"{self.columns[check.column][sample]:.3g} {check.unit} ({check.label})"
            for check in self._made()
            if not self.columns[check.column][sample] <= check.limit
        ]
        if not failed:
            return "Every sample passes every check."
        frame = int(self.columns["frame"][sample])
        origin = f" of frame {frame}" if frame >= 0 else ""
        return f"Worst is sample {sample}{origin}: {'; '.join(failed)}."

    def _made(self) -> list[_Check]:
        return [
            check for check in _CHECKS if not _is_unmade(self.columns[check.column])
        ]


def _is_unmade(column: np.ndarray) -> bool:
    return len(column) > 0 and bool(np.isnan(column).all())


def _plain(value: float | int) -> float | int | None:
    return value if np.isfinite(value) else None
