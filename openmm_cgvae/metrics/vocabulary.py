"""The vocabulary of metrics: name, meaning, unit and label of every number of a model.

`Evaluation`, its docstring and its table, the tables of the benchmark and the labels of
figures are made of it.
"""

from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["ATOMS", "COMPARED", "METRICS", "RECONSTRUCTIONS", "Metric"]

# The atoms that a metric is of, where it is reported for both.
ATOMS: tuple[Literal["heavy", "all"], ...] = ("heavy", "all")

RECONSTRUCTIONS = "reconstructions"
BONDS = "samples: bonds and clashes"
ERRORS = "samples: error and spread"
COMPARED = "samples: compared with the published recipe"
GEOMETRY = "samples: geometry"
TORSIONS = "samples: torsions"
RELAXED = "samples: relaxed"


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One number that says how good a model is.

    Parameters
    ----------
    name : str
        Field of `Evaluation`, or quantity of a benchmark.
    meaning : str
        What is computed.
    label : str
        What tables call it, without atoms and unit.
    unit : str
        Its unit; empty for fractions, counts and ratios.
    better : {"lower", "higher", "one", "as data", ""}
        Which values are better; empty for numbers of the data themselves.
    symbol : str
        What the paper calls it; empty where it prints no such number.
    group : str
        Title under which it is shown.
    column : {"heavy", "all", "samples", "data", "by chance"}
        What it is of: heavy atoms, all atoms, samples as a whole, the held-out frames
        themselves, or one half of these compared with the other.
    needs_spread : bool
        Whether it says nothing of a model whose samples are all the same.

    Examples
    --------
    >>> METRICS["error_heavy"].title
    'error, heavy atoms [Å]'
    """

    name: str
    meaning: str
    label: str
    unit: str = ""
    better: Literal["lower", "higher", "one", "as data", ""] = ""
    symbol: str = ""
    group: str
    column: Literal["heavy", "all", "samples", "data", "by chance"] = "samples"
    needs_spread: bool = False

    @property
    def is_of_data(self) -> bool:
        """Whether it is the same whatever the model."""
        return self.column in ("data", "by chance")

    @property
    def is_always_measured(self) -> bool:
        """Whether every evaluation has it, whatever the molecule and the options."""
        return self.group not in (TORSIONS, RELAXED)

    @property
    def row(self) -> str:
        """Label of its row in a table whose columns say what it is of."""
        return self._with_unit(self.label)

    @property
    def title(self) -> str:
        """Label that says all, with atoms and unit."""
        of = {name: f", {name} atoms" for name in ATOMS} | {"by chance": ", by chance"}
        return self._with_unit(self.label + of.get(self.column, ""))

    @property
    def axis(self) -> str:
        """Label of an axis, by the symbol of the paper where it has one."""
        return self._with_unit(self.symbol or self.label)

    def _with_unit(self, text: str) -> str:
        return f"{text} [{self.unit}]" if self.unit else text


def _of_both(template: str, **fields: Any) -> tuple[Metric, ...]:
    """Return the metric of heavy and of all atoms."""
    return tuple(
        Metric(name=template.format(atoms), column=atoms, **fields) for atoms in ATOMS
    )


_IN_ORDER = (
    *_of_both(
        "reconstruction_{}",
        meaning="RMSD of reconstructions, unaligned",
        label="RMSD_recon",
        unit="Å",
        better="lower",
        symbol="RMSD_recon",
        group=RECONSTRUCTIONS,
    ),
    Metric(
        name="reconstruction_all_unlabelled",
        meaning="The same with methyl labels resolved: the best of six",
        label="RMSD_recon, methyls resolved",
        unit="Å",
        better="lower",
        group=RECONSTRUCTIONS,
        column="all",
    ),
    *_of_both(
        "lambda_{}_as_coded",
        meaning="Absolute difference of the numbers of bonds of a sample and of the "
        "molecule, over the number of bonds: a bond missing and one too many cancel",
        label="λ as coded",
        better="lower",
        symbol="λ",
        group=BONDS,
    ),
    *_of_both(
        "lambda_{}",
        meaning="Bonds missing and too many in samples, over the number of bonds",
        label="λ, nothing cancels",
        better="lower",
        group=BONDS,
    ),
    *_of_both(
        "valid_{}",
        meaning="Fraction of samples with exactly the right bond graph",
        label="valid graphs",
        better="higher",
        symbol="valid graphs",
        group=BONDS,
    ),
    *_of_both(
        "valid_{}_rdkit",
        meaning="The same by the radii of RDKit",
        label="valid graphs, RDKit's radii",
        better="higher",
        group=BONDS,
    ),
    *_of_both(
        "clashes_{}",
        meaning="Pairs of atoms in a sample that are more than three bonds apart and "
        "nearer than 2.0 Å (heavy atoms) or 1.2 Å (any two)",
        label="clashes in a sample",
        better="lower",
        group=BONDS,
    ),
    *_of_both(
        "rmsd_gen_{}_as_coded",
        meaning="Mean RMSD of valid samples to the truth; nan if none is valid",
        label="RMSD_gen",
        unit="Å",
        better="lower",
        symbol="RMSD_gen",
        group=ERRORS,
        needs_spread=True,
    ),
    *_of_both(
        "rmsd_gen_{}",
        meaning="Root mean square of these RMSDs, as the paper's formula has it",
        label="RMSD_gen, root mean square",
        unit="Å",
        better="lower",
        group=ERRORS,
        needs_spread=True,
    ),
    *_of_both(
        "error_{}",
        meaning="Mean RMSD of a sample to the true structure, whether valid or not",
        label="error",
        unit="Å",
        better="lower",
        group=ERRORS,
    ),
    *_of_both(
        "spread_{}",
        meaning="Mean RMSD between two samples of the same beads",
        label="spread",
        unit="Å",
        group=ERRORS,
        needs_spread=True,
    ),
    *_of_both(
        "calibration_{}",
        meaning="Spread over error: 1 for samples of the true conditional distribution",
        label="calibration",
        better="one",
        group=ERRORS,
        needs_spread=True,
    ),
    *_of_both(
        "energy_score_{}",
        meaning="Error less half the spread: a proper score",
        label="energy score",
        unit="Å",
        better="lower",
        group=ERRORS,
    ),
    *_of_both(
        "energy_score_{}_over_published",
        meaning="Energy score over that of the published recipe in the same fold",
        label="energy score over the published recipe's, the same folds",
        better="lower",
        group=COMPARED,
    ),
    Metric(
        name="bond_length_error",
        meaning="Root mean square deviation of samples' bond lengths from the means of "
        "the held-out frames",
        label="bond lengths off",
        unit="Å",
        better="as data",
        group=GEOMETRY,
    ),
    Metric(
        name="bond_length_error_of_data",
        meaning="The same of the held-out frames: what vibrations alone give",
        label="bond lengths off",
        unit="Å",
        group=GEOMETRY,
        column="data",
    ),
    Metric(
        name="bond_angle_error",
        meaning="Root mean square deviation of samples' bond angles from the means of "
        "the held-out frames",
        label="bond angles off",
        unit="deg",
        better="as data",
        group=GEOMETRY,
    ),
    Metric(
        name="bond_angle_error_of_data",
        meaning="The same of the held-out frames: what vibrations alone give",
        label="bond angles off",
        unit="deg",
        group=GEOMETRY,
        column="data",
    ),
    Metric(
        name="correct_chirality",
        meaning="Fraction of stereocentres with the chirality of the molecule; nan "
        "without stereocentres",
        label="stereocentres of correct chirality",
        better="higher",
        group=GEOMETRY,
    ),
    Metric(
        name="bead_residual",
        meaning="Largest distance of a sample's bead from the bead it was made from",
        label="beads off, at most",
        unit="Å",
        better="lower",
        group=GEOMETRY,
    ),
    Metric(
        name="jsd_phi_psi",
        meaning="Jensen-Shannon divergence of phi and psi together of all samples from "
        "those of the held-out frames, in periodic bins of 10 degrees, mean over "
        "residues; nan without such torsions",
        label="JSD of φ, ψ",
        unit="bit",
        better="lower",
        group=TORSIONS,
    ),
    Metric(
        name="jsd_phi_psi_by_chance",
        meaning="The same between every other held-out frame and the rest",
        label="JSD of φ, ψ",
        unit="bit",
        group=TORSIONS,
        column="by chance",
    ),
    Metric(
        name="jsd_chi",
        meaning="The same of every side chain's torsion, mean over torsions",
        label="JSD of χ",
        unit="bit",
        better="lower",
        group=TORSIONS,
    ),
    Metric(
        name="jsd_chi_by_chance",
        meaning="The same between every other held-out frame and the rest",
        label="JSD of χ",
        unit="bit",
        group=TORSIONS,
        column="by chance",
    ),
    Metric(
        name="energy_gap",
        meaning="Median energy of relaxed samples less that of relaxed held-out "
        "frames, both with beads held; nan unless asked for",
        label="relaxed energy over the data's",
        unit="kJ/mol",
        better="lower",
        group=RELAXED,
    ),
    Metric(
        name="relaxed_bead_shift",
        meaning="Largest distance a bead moved while samples were relaxed; nan unless "
        "asked for",
        label="beads moved, at most",
        unit="Å",
        better="lower",
        group=RELAXED,
    ),
)

METRICS = {metric.name: metric for metric in _IN_ORDER}
