import MDAnalysis as mda
import numpy as np

from openmm_cgvae import Backmapper


def chain_of(names):
    beads = mda.Universe.empty(
        len(names), len(names), atom_resindex=range(len(names)), trajectory=True
    )
    beads.add_TopologyAttr("names", ["CA"] * len(names))
    beads.add_TopologyAttr("resnames", names)
    beads.add_TopologyAttr("resids", range(1, len(names) + 1))
    rise = np.arange(len(names))
    beads.atoms.positions = np.column_stack(
        [2.3 * np.cos(1.75 * rise), 2.3 * np.sin(1.75 * rise), 1.5 * rise]
    )
    return beads


def test_amides_before_proline_may_be_cis_and_no_others():
    model = Backmapper(chain_of(["ALA", "GLY", "PRO", "CYS", "TRP"])).model
    terms = model.refinement.terms
    after = model.atom_table.residue_of_atom[terms.amides[:, 3].numpy()]
    assert dict(zip(after.tolist(), terms.may_be_cis.tolist(), strict=True)) == {
        1: False,
        2: True,
        3: False,
        4: False,
    }


def test_pairs_know_how_many_bonds_they_are_apart():
    model = Backmapper(chain_of(["ALA", "GLY", "SER"])).model
    terms, table = model.refinement.terms, model.atom_table
    bonded = {tuple(pair) for pair in table.pairs_within(1).tolist()}
    two = {tuple(pair) for pair in table.pairs_within(2).tolist()} - bonded
    for pair, n_bonds in zip(terms.pairs.tolist(), terms.n_bonds.tolist(), strict=True):
        assert (n_bonds == 1) == (tuple(pair) in bonded)
        assert (n_bonds == 2) == (tuple(pair) in two)
