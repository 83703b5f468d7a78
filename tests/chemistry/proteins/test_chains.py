"""Chains are told by what knows best: segments, bonds, numbers, and then distances."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openmm_cgvae.chemistry.proteins import protein_from_beads
from tests.chemistry.proteins.beads import make_beads

SEQUENCE = ("LYS", "LEU", "VAL", "PHE", "PHE", "ALA", "GLU")
N = len(SEQUENCE)


def strands(n_strands=8, apart=4.8, bond=3.76, serpentine=False):
    """Return the backbone beads of strands side by side."""
    along = bond * np.cos(np.radians(28))
    x, z = (
        along * np.arange(N),
        0.5 * bond * np.sin(np.radians(28)) * (-1.0) ** np.arange(N),
    )
    rows = []
    for strand in range(n_strands):
        turn = -1 if serpentine and strand % 2 else 1
        rows.append(np.column_stack([x[::turn], np.full(N, apart * strand), z]))
    return np.concatenate(rows)


def fibril(family="alpha-carbon", n_strands=8, *, restarts=False, **attributes):
    """Make strands whose ends are 4.8 Å apart, with one segment for all."""
    where = strands(n_strands, serpentine=True)
    n = len(where)
    resids = np.arange(n) % N + 1 if restarts else np.arange(1, n + 1)
    names = SEQUENCE * n_strands
    if family != "martini3":
        name = {"alpha-carbon": "CA", "residue": "COM"}[family]
        return make_beads(
            [name] * n, names, positions=where, resids=resids, **attributes
        )
    n_side = {"LYS": 2, "PHE": 3}
    beads, residue, positions = [], [], []
    for r, name in enumerate(names):
        for b in range(n_side.get(name, 1) + 1):
            beads.append(f"SC{b}" if b else "BB")
            residue.append(r)
            positions.append(where[r] + [0, 0, 2.6 * b])
    return make_beads(
        beads, names, residue, positions=positions, resids=resids, **attributes
    )


def n_chains(beads, **options):
    """Count the chains that were built, by their ends and by their names."""
    table = protein_from_beads(beads, **options).atom_table
    n_ends = table.names.count("OXT")
    assert len(set(table.chain_ids)) == n_ends
    return n_ends


def backbone_bonds(beads, breaks=True):
    """Return bonds between backbone beads, none between strands."""
    backbone = [a.index for a in beads.atoms if not a.name.startswith("SC")]
    pairs = zip(backbone[:-1], backbone[1:], strict=True)
    return [pair for i, pair in enumerate(pairs) if not breaks or (i + 1) % N]


@pytest.mark.parametrize("restarts", [True, False])
@pytest.mark.parametrize("family", ["alpha-carbon", "residue", "martini3"])
def test_strands_without_chain_ids_are_chains(family, restarts):
    beads = fibril(family, restarts=restarts)
    assert n_chains(beads) == 8
    notes = " ".join(protein_from_beads(beads).notes)
    assert "broken" in notes
    assert (
        "numbers begin again" if restarts else "give bonds, segids or chainIDs"
    ) in notes


@pytest.mark.parametrize("family", ["alpha-carbon", "residue", "martini3"])
def test_bonds_part_what_is_near(family):
    beads = fibril(family)
    beads.atoms.positions *= [1, 3.8 / 4.8, 1]  # ends as near as bonded ones
    beads.add_TopologyAttr("bonds", backbone_bonds(beads))
    assert n_chains(beads) == 8
    assert any("have no bond" in note for note in protein_from_beads(beads).notes)


@pytest.mark.parametrize("restarts", [True, False])
def test_bonds_join_whatever_numbers_and_distances_say(restarts):
    beads = fibril(restarts=restarts)
    beads.add_TopologyAttr("bonds", backbone_bonds(beads, breaks=False))
    assert n_chains(beads) == 1


def test_molecules_of_a_tpr_are_chains():
    beads = fibril()
    beads.atoms.positions *= [1, 3.8 / 4.8, 1]
    beads.add_TopologyAttr("molnums", np.repeat(np.arange(8), N))
    assert n_chains(beads) == 8
    assert protein_from_beads(beads).notes == ()


def test_chain_identifiers_are_believed():
    beads = fibril()
    beads.atoms.positions *= [1, 3.8 / 4.8, 1]
    beads.add_TopologyAttr("chainIDs", np.repeat(list("ABCDEFGH"), N))
    assert n_chains(beads) == 8
    assert protein_from_beads(beads).notes == ()


def test_a_part_put_into_a_chain_with_high_numbers_is_joined():
    # As in crystal structures of receptors with a lysozyme between two helices.
    resids = [1, 2, 3, 1001, 1002, 1003, 4, 5, 6]
    beads = make_beads(["CA"] * 9, ["ALA"] * 9, resids=resids)
    assert n_chains(beads) == 1
    notes = protein_from_beads(beads).notes
    assert any("though residue numbers fall" in note for note in notes)


@pytest.mark.parametrize("sigma", [0.05, 0.2])
@pytest.mark.parametrize("seed", range(3))
def test_bonds_that_scatter_as_in_simulations_are_not_parted(seed, sigma):
    generator = np.random.default_rng(seed)
    steps = generator.normal(size=(300, 3))
    steps *= (3.8 + sigma * generator.normal(size=(300, 1))) / np.linalg.norm(
        steps, axis=1
    )[:, None]
    beads = make_beads(["CA"] * 300, ["ALA"] * 300, positions=np.cumsum(steps, axis=0))
    assert n_chains(beads) == 1


def test_a_distance_that_is_odd_but_joined_is_told():
    # Two pairs do not tell how much distances scatter.
    beads = make_beads(
        ["CA"] * 3, ["ALA"] * 3, positions=[[0, 0, 0], [3.8, 0, 0], [8.6, 0, 0]]
    )
    protein = protein_from_beads(beads)
    assert protein.atom_table.names.count("OXT") == 1
    assert any("taken to be bonded though" in note for note in protein.notes)


@settings(max_examples=20, deadline=None)
@given(
    sizes=st.lists(st.integers(2, 6), min_size=1, max_size=70), seed=st.integers(0, 9)
)
def test_every_chain_has_an_id_of_its_own(sizes, seed):
    resids = np.concatenate([np.arange(1, size + 1) for size in sizes])
    n = len(resids)
    where = np.random.default_rng(seed).uniform(0, 20, (n, 3))
    beads = make_beads(["CA"] * n, ["ALA"] * n, resids=resids, positions=where)
    # Every residue is bonded to the next but across chains.
    ends = np.cumsum(sizes) - 1
    beads.add_TopologyAttr("bonds", [(i, i + 1) for i in range(n - 1) if i not in ends])
    # Beads strewn at random have the distances of no family.
    assert n_chains(beads, family="alpha-carbon") == len(sizes)


class TestRings:
    def ring(self, n=8, names=None, **attributes):
        turn = 2 * np.pi * np.arange(n) / n
        radius = 3.8 / (2 * np.sin(np.pi / n))
        where = radius * np.column_stack([np.cos(turn), np.sin(turn), 0 * turn])
        where[:, 2] = 0.3 * (-1.0) ** np.arange(n)
        beads = make_beads(
            ["CA"] * n,
            names or ["ALA", "GLY"] * (n // 2),
            positions=where,
            **attributes,
        )
        beads.add_TopologyAttr("bonds", [(i, (i + 1) % n) for i in range(n)])
        return beads

    def test_a_bond_from_the_last_to_the_first_residue_closes_a_ring(self):
        protein = protein_from_beads(self.ring())
        table = protein.atom_table
        assert "OXT" not in table.names
        assert "H2" not in table.names
        names = np.array(table.names)
        peptide = {
            tuple(sorted(table.residue_of_atom[bond].tolist()))
            for bond in table.bonds
            if set(names[bond]) == {"C", "N"}
        }
        assert peptide == {(i, i + 1) for i in range(7)} | {(0, 7)}
        assert any("is a ring" in note for note in protein.notes)

    def test_cysteines_that_close_a_ring_are_neighbours(self):
        names = ["CYS", *["ALA"] * 6, "CYS"]
        table = protein_from_beads(self.ring(names=names)).atom_table
        assert table.names.count("HG") == 2

    def test_a_bond_of_an_elastic_network_closes_none(self):
        beads = self.ring()
        beads.add_bonds([(0, 3), (4, 7)])
        protein = protein_from_beads(beads)
        assert protein.atom_table.names.count("OXT") == 1
        assert any("are ends of a chain, though" in note for note in protein.notes)

    def test_without_its_bond_a_ring_is_open(self):
        beads = self.ring()
        beads.delete_bonds([(0, 7)])
        assert protein_from_beads(beads).atom_table.names.count("OXT") == 1

    def test_a_ring_behind_a_lone_residue_is_closed(self):
        where = self.ring().atoms.positions
        names = ["ASP", *["ALA", "GLY"] * 4]
        where = np.concatenate([[[50, 0, 0]], where])
        beads = make_beads(["CA"] * 9, names, positions=where)
        beads.add_TopologyAttr("bonds", [(1 + i, 1 + (i + 1) % 8) for i in range(8)])
        protein = protein_from_beads(beads)
        assert protein.atom_table.n_residues == 8
        assert "OXT" not in protein.atom_table.names
