"""MDAnalysis converter to OpenMM: ``atoms.convert_to("OPENMM")``.

Importing this module registers the converter, and loads MDAnalysis but not OpenMM.
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import MDAnalysis as mda
import numpy as np
from MDAnalysis.converters.base import ConverterBase
from MDAnalysis.exceptions import NoDataError

if TYPE_CHECKING:
    from openmm_cgvae.molecules import AtomTable

__all__ = ["OpenMMConverter"]


class OpenMMConverter(ConverterBase):
    """Convert atoms or beads to an ``openmm.app.Modeller``.

    Order of the atoms, names, elements, residues with their numbers and insertion
    codes, bonds, positions and the box are kept; a chain ends where the segment or
    the chain identifier changes. A universe that holds no bonds at all gets those
    OpenMM gives to a PDB file, by the names of residues and atoms.

    Examples
    --------
    >>> import MDAnalysis as mda
    >>> beads = mda.Universe.empty(2, trajectory=True)
    >>> for name, values in (
    ...     ("name", ["B1", "B2"]), ("elements", ["", ""]), ("masses", [9.0, 9.0]),
    ...     ("resname", ["CG"]), ("resid", [1]), ("bonds", [(0, 1)]),
    ... ):
    ...     beads.add_TopologyAttr(name, values)
    >>> beads.atoms.convert_to("OPENMM").topology
    <Topology; 1 chains, 1 residues, 2 atoms, 1 bonds>
    """

    lib = "OPENMM"
    units = {"time": None, "length": None}

    def convert(self, obj: "mda.Universe | mda.AtomGroup") -> Any:
        """Build a Modeller of a universe or a group of atoms.

        Parameters
        ----------
        obj : MDAnalysis.Universe or AtomGroup
            Atoms with elements; beads have the empty string as theirs.

        Returns
        -------
        openmm.app.Modeller
            Topology and positions.

        Raises
        ------
        ValueError
            If elements are missing or unknown, or residues are interleaved.
        """
        from openmm import app

        from openmm_cgvae.structures.openmm_bridge import (
            openmm_positions,
            openmm_topology,
        )

        group = obj.atoms
        residues = _in_order(group.resindices)
        table = _atom_table(group)
        segments = group.universe.residues.segindices[residues]
        chain_keys = list(zip(segments.tolist(), table.chain_ids, strict=True))
        topology = openmm_topology(table, group.dimensions, chain_keys=chain_keys)
        positions = openmm_positions(group.positions)
        if not hasattr(group.universe, "bonds"):
            topology.createStandardBonds()
            topology.createDisulfideBonds(positions)
        return app.Modeller(topology, positions)


def _atom_table(group: "mda.AtomGroup") -> "AtomTable":
    from openmm_cgvae.molecules import AtomTable

    first = group[np.flatnonzero(np.diff(group.resindices, prepend=-1))]
    return replace(
        AtomTable.from_particles(group),
        # OpenMM knows deuterium as well.
        atomic_numbers=np.array(_atomic_numbers(group)),
        chain_ids=tuple(_chain_ids(first)),
    )


def _in_order(resindices: np.ndarray) -> np.ndarray:
    """Return the residues in order of appearance, each of them in one piece."""
    starts = np.flatnonzero(np.diff(resindices, prepend=-1))
    residues = resindices[starts]
    if len(np.unique(residues)) != len(residues):
        raise ValueError(
            "`obj` has residues whose atoms are not together; sort the group by residue"
        )
    return residues


def _atomic_numbers(group: "mda.AtomGroup") -> list[int]:
    from openmm.app import Element

    try:
        symbols = [str(element).strip() for element in group.elements]
    except NoDataError as error:
        raise ValueError(
            "`obj` has no elements; call "
            "universe.guess_TopologyAttrs(to_guess=['elements']), or for beads "
            "universe.add_TopologyAttr('elements', [''] * len(universe.atoms))"
        ) from error
    numbers = {"": 0}
    for symbol in set(symbols) - {""}:
        try:
            numbers[symbol] = Element.getBySymbol(symbol).atomic_number
        except KeyError as error:
            raise ValueError(
                f"`obj` holds the element {symbol!r}, which OpenMM does not know; "
                "set universe.atoms.elements ('' for beads)"
            ) from error
    return [numbers[symbol] for symbol in symbols]


def _chain_ids(atoms: "mda.AtomGroup") -> list[str]:
    from openmm_cgvae.molecules.attributes import attribute_or

    chains, segids = (attribute_or(atoms, name, "") for name in ("chainIDs", "segids"))
    return [str(c or s) for c, s in zip(chains, segids, strict=True)]
