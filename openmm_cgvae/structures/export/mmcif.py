"""mmCIF files: any number of atoms, and chains with names of any length."""

from dataclasses import replace
from itertools import compress, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from openmm import app

from openmm_cgvae.molecules import AtomTable
from openmm_cgvae.molecules.chain_ids import free_chain_ids
from openmm_cgvae.molecules.stretches import stretch_of_residue
from openmm_cgvae.structures.openmm_bridge import openmm_topology

if TYPE_CHECKING:
    import MDAnalysis as mda

__all__ = ["MmcifWriter"]

_ATOM_COLUMNS = """
    group_PDB id type_symbol label_atom_id label_alt_id label_comp_id label_asym_id
    label_entity_id label_seq_id pdbx_PDB_ins_code Cartn_x Cartn_y Cartn_z occupancy
    B_iso_or_equiv auth_seq_id auth_comp_id auth_asym_id auth_atom_id pdbx_PDB_model_num
"""
_BOND_COLUMNS = """
    id conn_type_id ptnr1_label_asym_id ptnr1_label_comp_id ptnr1_label_seq_id
    ptnr1_label_atom_id ptnr2_label_asym_id ptnr2_label_comp_id ptnr2_label_seq_id
    ptnr2_label_atom_id
"""
_CELL = ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")
_SPECIAL_STARTS = "_#$'\"[];"
_SPECIAL_WORDS = ("data_", "loop_", "save_", "stop_", "global_")


class MmcifWriter:
    """Write structures as the models of an mmCIF file.

    Chains and residues keep their names and numbers (``auth_...``), and every stretch
    of a chain has a label of its own, since OpenMM joins the residues of one label.
    Bonds that OpenMM does not know from the names of atoms are written one by one.

    Parameters
    ----------
    path : Path
        The file.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", encoding="utf-8")
        self._n_written = 0
        self._before: list[str] = []
        self._after: list[str] = []

    def write(self, group: "mda.AtomGroup", table: AtomTable) -> None:
        """Write a model, always of the same atoms.

        Parameters
        ----------
        group : MDAnalysis.AtomGroup
            Where its atoms are.
        table : AtomTable
            What they are.
        """
        if not self._n_written:
            self._write_header(table, group.dimensions)
        self._n_written += 1
        where = group.positions.astype(np.float64).tolist()
        self._file.writelines(
            f"{before} {x:.4f} {y:.4f} {z:.4f} {after} {self._n_written}\n"
            for before, (x, y, z), after in zip(
                self._before, where, self._after, strict=True
            )
        )

    def close(self) -> None:
        """Finish the file."""
        with self._file as file:
            if self._n_written:
                file.write("#\n")

    def _write_header(self, table: AtomTable, box: np.ndarray | None) -> None:
        lines = ["data_atoms", "#"]
        if box is not None and np.any(box):
            lines += [
                f"_cell.{name} {value:.4f}"
                for name, value in zip(_CELL, box.tolist(), strict=True)
            ]
            lines += ["_symmetry.space_group_name_H-M 'P 1'", "#"]
        labels = _labels(table)
        bonds = _bond_rows(table, labels)
        if bonds:
            lines += [*_loop("struct_conn", _BOND_COLUMNS), *bonds, "#"]
        lines += _loop("atom_site", _ATOM_COLUMNS)
        self._file.writelines(f"{line}\n" for line in lines)
        self._before, self._after = _atom_rows(table, labels)


def _loop(category: str, columns: str) -> list[str]:
    """Return the head of a table."""
    return ["loop_", *(f"_{category}.{name}" for name in columns.split())]


class _Labels(NamedTuple):
    """How a residue is called: by the format, and by those who read it."""

    label: str
    number: int
    chain: str


def _labels(table: AtomTable) -> list[_Labels]:
    """Return the names of every residue's chain, and its number in its stretch.

    OpenMM joins the residues of one label, so each stretch has its own. MDAnalysis
    makes one of residues of the same chain, number and name, so a chain in which one
    comes again is called otherwise from there on.
    """
    stretches = stretch_of_residue(table)
    firsts = np.flatnonzero(np.diff(stretches, prepend=-1)).tolist()
    free = free_chain_ids(set(table.chain_ids))
    seen: dict[str, set[tuple[str, int, str]]] = {}
    chains = []
    residues = list(
        zip(table.residue_names, table.residue_ids, table.insertion_codes, strict=True)
    )
    for first, end in pairwise([*firsts, table.n_residues]):
        chain = table.chain_ids[first] or next(free)
        here = set(residues[first:end])
        if here & seen.get(chain, set()):
            chain = next(free)
        seen.setdefault(chain, set()).update(here)
        chains.append(chain)
    labels = chains
    # OpenMM takes labels for the names of chains if there are more of them.
    if len(set(chains)) < len(chains):
        labels = [
            next(free) if chain in chains[:place] else chain
            for place, chain in enumerate(chains)
        ]
    numbers = np.arange(table.n_residues) - np.array(firsts)[stretches] + 1
    return [
        _Labels(_quoted(labels[stretch]), number, _quoted(chains[stretch]))
        for stretch, number in zip(stretches.tolist(), numbers.tolist(), strict=True)
    ]


def _atom_rows(table: AtomTable, labels: list[_Labels]) -> tuple[list[str], list[str]]:
    """Return what stands before and behind the position of every atom."""
    residues = [
        (
            f"{_quoted(name)} {label} ? {number} {_quoted(code) if code else '?'}",
            f"{identifier} {_quoted(name)} {chain}",
        )
        for name, identifier, code, (label, number, chain) in zip(
            table.residue_names,
            table.residue_ids,
            table.insertion_codes,
            labels,
            strict=True,
        )
    ]
    before, after = [], []
    for index, (name, number, residue) in enumerate(
        zip(
            map(_quoted, table.names),
            table.atomic_numbers.tolist(),
            table.residue_of_atom.tolist(),
            strict=True,
        )
    ):
        symbol = app.Element.getByAtomicNumber(number).symbol if number else "?"
        label, author = residues[residue]
        before.append(f"ATOM {index + 1} {symbol} {name} . {label}")
        after.append(f"1.00 0.00 {author} {name}")
    return before, after


def _bond_rows(table: AtomTable, labels: list[_Labels]) -> list[str]:
    """Return the bonds that do not follow from the names of atoms."""
    bare = replace(table, bonds=np.empty((0, 2), dtype=np.int64))
    stretches = stretch_of_residue(table).tolist()
    topology = openmm_topology(bare, chain_keys=stretches)
    topology.createStandardBonds()
    standard = {
        tuple(sorted((first.index, second.index))) for first, second in topology.bonds()
    }
    is_other = [tuple(pair) not in standard for pair in table.bonds.tolist()]
    rows: list[str] = []
    for pair in compress(table.bonds.tolist(), is_other):
        partners = []
        for atom in pair:
            residue = int(table.residue_of_atom[atom])
            label, number, _ = labels[residue]
            partners.append(
                f"{label} {_quoted(table.residue_names[residue])} {number} "
                f"{_quoted(table.names[atom])}"
            )
        rows.append(f"bond{len(rows) + 1} covale {' '.join(partners)}")
    return rows


def _quoted(word: str) -> str:
    """Return a word as CIF has it."""
    is_plain = (
        word
        and word not in (".", "?")
        and word[0] not in _SPECIAL_STARTS
        and not word.lower().startswith(_SPECIAL_WORDS)
        and not any(letter.isspace() for letter in word)
    )
    if is_plain:
        return word
    return f'"{word}"' if "'" in word else f"'{word}'"
