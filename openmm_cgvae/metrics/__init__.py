"""The paper's metrics and the truer ones beside them, on plain arrays.

Positions are in Å and have shape ``(..., n_atoms, 3)``; every function works
on all leading axes (frames, samples) at once and knows no chemistry beyond tables of
covalent radii. What a number says of a model:

* accuracy: `rmsd`, `rmsd_per_structure`, with `resolve_rotors` for methyl labels;
* chemistry: `compare_bond_graphs` (lambda, valid), `valid_parts`, `bond_length_error`,
  `bond_angle_error`, `count_clashes`, `count_pierced_rings`,
  `signed_volumes`;
* diversity: `rmsd_gen`, `pairwise_rmsd`, `calibration`, `energy_score` (proper);
* conformations: `dihedral_angles`, `jensen_shannon_divergence`.
"""

from openmm_cgvae.metrics.bond_graphs import (
    BOND_TOLERANCE,
    RADII_2022,
    BondGraphComparison,
    bond_graph,
    compare_bond_graphs,
    covalent_radii,
    upper_triangle_index,
)
from openmm_cgvae.metrics.contacts import (
    close_pairs,
    count_clashes,
    intermolecular_contacts,
)
from openmm_cgvae.metrics.deviations import (
    calibration,
    energy_score,
    pairwise_rmsd,
    rmsd,
    rmsd_gen,
    rmsd_per_structure,
)
from openmm_cgvae.metrics.internal_coordinates import (
    angle_triples,
    bond_angle_error,
    bond_angles,
    bond_length_error,
    bond_lengths,
    dihedral_angles,
    out_of_plane,
    signed_volumes,
)
from openmm_cgvae.metrics.ring_piercing import count_pierced_rings
from openmm_cgvae.metrics.rotor_labels import resolve_rotors
from openmm_cgvae.metrics.statistics import (
    jensen_shannon_divergence,
    mean_and_standard_error,
)
from openmm_cgvae.metrics.valid_parts import valid_parts

__all__ = [
    "BOND_TOLERANCE",
    "RADII_2022",
    "BondGraphComparison",
    "angle_triples",
    "bond_angle_error",
    "bond_angles",
    "bond_graph",
    "bond_length_error",
    "bond_lengths",
    "calibration",
    "close_pairs",
    "compare_bond_graphs",
    "count_clashes",
    "count_pierced_rings",
    "covalent_radii",
    "dihedral_angles",
    "energy_score",
    "intermolecular_contacts",
    "jensen_shannon_divergence",
    "mean_and_standard_error",
    "out_of_plane",
    "pairwise_rmsd",
    "resolve_rotors",
    "rmsd",
    "rmsd_gen",
    "rmsd_per_structure",
    "signed_volumes",
    "upper_triangle_index",
    "valid_parts",
]
