"""What users get for input that cannot be used: one sentence each, in one table.

Each row: what is wrong, what is called, the kind of error, and the sentence. The page
docs/bad-input.md is made of it by ``python tests/test_bad_input.py``.
"""

import copy
import errno
import json
import pickle
import re
import tempfile
import warnings
from dataclasses import replace
from pathlib import Path

import MDAnalysis as mda
import numpy as np
import pytest
from MDAnalysisTests import datafiles
from openmm import app

from openmm_cgvae import (
    Backmapper,
    Mapping,
    Solvent,
    coarse_grain,
    load_model,
    protein_from_beads,
    save_model,
    train,
)
from openmm_cgvae._runtime.atomic_files import written_whole
from openmm_cgvae.mapping import schemes
from openmm_cgvae.mapping.schemes import residues
from openmm_cgvae.molecules import AtomTable
from openmm_cgvae.molecules.atom_matching import match_atoms
from openmm_cgvae.structures import AtomisticEnsemble
from openmm_cgvae.structures.export import check_ending
from openmm_cgvae.testing import dipeptide

pytestmark = pytest.mark.filterwarnings("ignore:ATOMIC_NUMBER record not found")

N_FRAMES = 12
BAD_FRAME = 7
WATER = "tip3p.xml"
# Lists that grow, and words of other packages.
SHORTENED = (
    r"(?<=that ship are ).*",
    r"(?<=those are ).*",
    r"(?<=options are ).*",
    r"(?<=OpenMM says: ).*(?=; pass the names)",
    r"(?<=\()Error while .*(?=\); get the file)",
)
PAGE = Path(__file__).parents[1] / "docs" / "bad-input.md"


def model():
    return dipeptide.untrained()


def beads(box=None):
    return dipeptide.beads(n_frames=N_FRAMES, box=box)


def named(names, resnames=("ACE", "ALA", "NME")):
    """Beads of one frame with other names."""
    universe = mda.Universe.empty(len(names), len(names), atom_resindex=range(3))
    universe.add_TopologyAttr("names", list(names))
    universe.add_TopologyAttr("resnames", list(resnames))
    universe.load_new(beads().atoms.positions[None])
    return universe


def with_cap():
    """Return alpha carbons of a peptide with an amide at its end."""
    universe = mda.Universe.empty(5, 5, atom_resindex=range(5), trajectory=True)
    universe.add_TopologyAttr("names", ["CA"] * 5)
    universe.add_TopologyAttr("resnames", ["ALA", "GLY", "SER", "ALA", "NH2"])
    universe.add_TopologyAttr("resids", range(1, 6))
    universe.atoms.positions = np.arange(5)[:, None] * [3.8, 0, 0]
    return universe


def with_extra():
    """Return beads of one molecule, and half of another."""
    return mda.Merge(beads().atoms, beads().atoms[:2])


def with_nan():
    positions = np.stack([ts.positions.copy() for ts in beads().trajectory])
    positions[BAD_FRAME, 1] = np.nan
    universe = beads()
    universe.load_new(positions)
    return universe


def truncated(folder, n_bytes=10):
    """Return beads in a file that lacks its last bytes."""
    beads().atoms.write(folder / "beads.xtc", frames="all")
    content = (folder / "beads.xtc").read_bytes()
    (folder / "beads.xtc").write_bytes(content[:-n_bytes])
    return named(["RES"] * 3).load_new(str(folder / "beads.xtc"))


def in_box(*box):
    universe = beads(np.array([30, 30, 30, 90, 90, 90], dtype=np.float32))
    positions = universe.atoms.positions[None]
    universe.load_new(positions, dimensions=np.array([box], dtype=np.float32))
    return universe


def without(attribute):
    universe = dipeptide.atoms()
    universe.del_TopologyAttr(attribute)
    return universe


def amber():
    """Return a solvated peptide whose atoms have Amber's names and no elements."""
    return mda.Universe(datafiles.PRMpbc, datafiles.TRJpbc_bz2)


def amber_peptide():
    return amber().select_atoms("not resname WAT")


def run(universe, folder):
    return Backmapper(universe, model()).run(
        output=folder / "atoms.xtc", progress=False
    )


def over_itself(folder):
    beads().atoms.write(folder / "beads.xtc", frames="all")
    read = named(["RES"] * 3).load_new(str(folder / "beads.xtc"))
    return Backmapper(read, model()).run(output=folder / "beads.xtc", progress=False)


def ambiguous():
    """Return a force field with two templates for one residue."""
    field = app.ForceField("amber99sbildn.xml")
    other = copy.deepcopy(field._templates["ACE"])
    other.name = "ACX"
    other.atoms[0].type = other.atoms[1].type
    field.registerResidueTemplate(other)
    return field


def relaxed_in_box(length):
    box = np.array([length] * 3 + [90] * 3, dtype=np.float32)
    return Backmapper(beads(box), model()).sample(seed=0).relax("amber99sbildn.xml")


def changed(folder, change):
    """Return a model file whose bytes were changed."""
    path = save_model(model(), folder / "model.cgvae")
    path.write_bytes(change(path.read_bytes()))
    return path


def flipped(content):
    return content[:-9] + bytes([content[-9] ^ 1]) + content[-8:]


def newer(content):
    return content.replace(b'{\\"format\\": 1', b'{\\"format\\": 2', 1)


def huge(content):
    del content
    tensor = {"dtype": "F32", "shape": [10**12], "data_offsets": [0, 4 * 10**12]}
    header = json.dumps({"x": tensor}).encode()
    return len(header).to_bytes(8, "little") + header + bytes(64)


def written(folder, text):
    (folder / "mapping.json").write_text(text)
    return folder / "mapping.json"


def folder_as_output(folder):
    (folder / "here").mkdir()
    return Backmapper(beads(), model()).run(output=folder / "here")


def in_the_way(folder):
    (folder / "theirs.xtc.parts" / "theirs").mkdir(parents=True)
    return Backmapper(beads(), model()).run(output=folder / "theirs.xtc")


def far_away():
    sample = Backmapper(beads(), model()).sample(seed=0)
    return AtomisticEnsemble(sample.atom_table, sample.positions_angstrom + 2e7)


def numbered(number):
    sample = Backmapper(beads(), model()).sample(seed=0)
    table = replace(sample.atom_table, residue_ids=(number, number + 1, number + 2))
    return AtomisticEnsemble(table, sample.positions_angstrom)


def named_atoms(name):
    table = model().atom_table
    return replace(table, names=(name, *table.names[1:]))


def full_disk(folder):
    with written_whole(folder / "atoms.xtc"):
        raise OSError(errno.ENOSPC, "No space left on device")


def no_xml(folder):
    (folder / "mapping.json").write_text("eggs")
    return Backmapper(beads(), model()).sample().relax(str(folder / "mapping.json"))


def chain(n, spacing, names="CA", *, residue_of_bead=None, **attributes):
    """Return beads of leucines along a zigzag, so far from one to the next."""
    universe = mda.Universe.empty(
        n,
        n if residue_of_bead is None else 1,
        atom_resindex=range(n) if residue_of_bead is None else residue_of_bead,
        trajectory=True,
    )
    for name, values in ({"names": [names] * n} | attributes).items():
        universe.add_TopologyAttr(name, values)
    steps = np.broadcast_to(spacing, n)
    along, across = steps * np.cos(0.5), steps * np.sin(0.5) * (np.arange(n) % 2)
    universe.atoms.positions = np.stack([np.cumsum(along), across, 0 * along], 1)
    return universe


def leucines(n, spacing, names="CA"):
    resids = list(range(1, n + 1))
    return chain(n, spacing, names, resnames=["LEU"] * n, resids=resids)


TABLE = {
    "side chains alone": (
        lambda _: protein_from_beads(leucines(12, 6.5, "SC")),
        ValueError,
        r"`beads` seem to be side chains alone, named SC and 6.5 Å from one to the "
        "next, where centres of mass of whole residues are some 4.7 Å apart, and no "
        "model is for side chains; give other beads, or family='residue' if they are "
        "centres of mass",
    ),
    "alpha carbons and centres of mass in one chain": (
        lambda _: protein_from_beads(leucines(60, [3.8] * 40 + [5.0] * 20)),
        ValueError,
        "`beads` are alpha carbons from about LEU 1 to LEU 40 but centres of mass "
        "elsewhere, by their distances, and no model is for both; select one of the "
        "two, or give family='residue' or 'alpha-carbon' to take all for one",
    ),
    "molecules in place of residues": (
        lambda _: protein_from_beads(chain(8, 3.8, "", residue_of_bead=[0] * 8)),
        ValueError,
        "`beads` has no names, and its residues seem to be molecules, 1 of up to 8 "
        "beads; name each of the beads by its amino acid: "
        r"universe.add_TopologyAttr\('names', \['MET', 'LYS', ...\]\)",
    ),
    "a family for a protein that has one": (
        lambda _: Backmapper(protein_from_beads(leucines(8, 3.8)), family="residue"),
        ValueError,
        "`family` is 'residue' but `universe` is a protein whose family is known; "
        "give family= to protein_from_beads instead",
    ),
    "truncated XTC": (
        lambda folder: run(truncated(folder), folder),
        ValueError,
        r"`universe` ends in the middle of a frame: '.*beads.xtc' has 11 whole frames "
        "and a piece of another; give stop=11 to take what is there",
    ),
    "a group that changes with the frames": (
        lambda _: Backmapper(beads().select_atoms("name RES", updating=True), model()),
        ValueError,
        "`universe` is an updating group, which has other members in other frames, but "
        "those of a molecule stay; pass its `atoms`, which are those of the current "
        "frame",
    ),
    "a slack that makes other beads of them": (
        lambda _: Backmapper(beads(), model(), bead_slack=3.0),
        ValueError,
        "`bead_slack` is 3.0 Å but must be from 0, beads are kept, to 1; try 0.5",
    ),
    "slack for a model without it": (
        lambda _: Backmapper(beads(), model(), bead_slack=0.5),
        ValueError,
        "`bead_slack` is 0.5 Å but this model keeps its beads; leave it out",
    ),
    "a cap that no model knows": (
        lambda _: Backmapper(with_cap(), family="residue"),
        ValueError,
        "`universe` has the cap NHE 5, of which the model for residue beads does "
        "not know the atoms; leave its bead out, which makes the end of the chain "
        "charged, or train a model on such molecules",
    ),
    "an output in place of its input": (
        lambda folder: over_itself(folder),
        ValueError,
        "`output` is '.*beads.xtc', from which `universe` is read, and would replace "
        "it; give another name",
    ),
    "an output that is a folder": (
        lambda folder: folder_as_output(folder),
        IsADirectoryError,
        "`output` is '.*', which is a folder; give the name of a file in it",
    ),
    "an output with a long name": (
        lambda folder: Backmapper(beads(), model()).run(
            output=folder / ("long" * 75 + ".xtc")
        ),
        ValueError,
        "`output` has a name of 304 letters, 'longlonglonglonglong'..., which is too",
    ),
    "what to do about faults": (
        lambda _: Backmapper(beads(), model()).sample(on_fault="ignore"),
        ValueError,
        "`on_fault` is 'ignore' but must be 'warn', 'raise' or 'resample'",
    ),
    "a folder of somebody's in the way": (
        lambda folder: in_the_way(folder),
        FileExistsError,
        "`output` needs the folder '.*theirs.xtc.parts' to work in, but there is one "
        "that is not from a run; move it away, or give another name",
    ),
    "atoms too far away for a file": (
        lambda folder: far_away().write(folder / "atoms.xtc"),
        ValueError,
        "`path` is a .xtc file, which has numbers from -1e[+]07 to 1e[+]07 Å, and an "
        "atom is at 2e[+]07 Å; look at the beads, or write .cif or .dcd",
    ),
    "more atoms than a PDB file numbers": (
        lambda folder: check_ending(folder / "atoms.pdb", 1, "output", 120_000),
        ValueError,
        "`output` is '.*atoms.pdb' but .pdb files number 99,999 atoms, and there are "
        "120,000; write .cif, or .gro and .xtc",
    ),
    "a residue number that a PDB file has no column for": (
        lambda folder: numbered(12_000).write(folder / "atoms.pdb"),
        ValueError,
        "`path` is a .pdb file, where residues have numbers from -999 to 9999, and "
        "there is a residue 12000; write .cif",
    ),
    "a name with a line break": (
        lambda _: named_atoms("CA\nATOM"),
        ValueError,
        "`names` holds 'CA.*ATOM', which has a line break or another control",
    ),
    "a disk without space": (
        lambda folder: full_disk(folder),
        OSError,
        "no space is left on the disk, so '.*atoms.xtc' was not written; make room",
    ),
    "a correlation time of ages": (
        lambda _: Backmapper(beads(), model()).sample(correlation_time=1e7),
        ValueError,
        "`correlation_time` is 1e.* times the time between frames but may be 10000",
    ),
    "a spring that is infinite": (
        lambda _: Backmapper(beads(), model()).sample().relax(k=np.inf),
        ValueError,
        "`k` is inf but must be positive and finite; leave it out",
    ),
    "a force field that is no XML": (
        lambda folder: no_xml(folder),
        ValueError,
        "`forcefield` is .*; name XML files that ship with OpenMM",
    ),
    "NaN in one frame of many": (
        lambda folder: run(with_nan(), folder),
        ValueError,
        "`universe` has no position for bead 1 in frame 7 .*mend or leave out",
    ),
    "missing bonds": (
        lambda _: AtomTable.from_universe(without("bonds")),
        ValueError,
        "`atoms` has no bonds; read a topology that holds them or call "
        r"universe.guess_TopologyAttrs\(to_guess=\['bonds'\]\) first",
    ),
    "missing bonds, to find molecules": (
        lambda _: match_atoms(without("bonds"), model().atom_table),
        ValueError,
        "`universe` has no bonds; read a topology that holds them or call",
    ),
    "missing elements": (
        lambda _: AtomTable.from_universe(amber()),
        ValueError,
        "`atoms` has no element for some atoms; call universe.guess_TopologyAttrs",
    ),
    "missing elements, to find molecules": (
        lambda _: match_atoms(amber(), model().atom_table),
        ValueError,
        "`universe` has no element for some atoms; call universe.guess_Topology",
    ),
    "missing positions": (
        lambda _: Backmapper(mda.Universe.empty(3), model()),
        ValueError,
        "`universe` has no positions; load them with universe.load_new first",
    ),
    "a bead is missing": (
        lambda _: Backmapper(beads().atoms[:2], model()),
        ValueError,
        "has 2 beads but the model has 3 for 22 atoms .ACE ALA NME., and no molecule "
        "of 3 beads ACE:RES ALA:RES NME:RES is among them; select whole molecules",
    ),
    "a bead is missing, no model given": (
        lambda _: Backmapper(beads().atoms[:2]),
        LookupError,
        "has 2 beads ACE:RES ALA:RES, which no shipped model has, .*; give model=",
    ),
    "beads too many": (
        lambda _: Backmapper(with_extra(), model()),
        ValueError,
        "has 1 molecule of the model and other beads, 2 beads ACE:RES ALA:RES; "
        "select the molecules, or give unknown='drop' to leave out the rest or 'keep'",
    ),
    "a bead twice": (
        lambda _: Backmapper(beads().atoms[[0, 1, 2, 2]], model()),
        ValueError,
        "`universe` has a bead twice; take `atoms.unique`",
    ),
    "duplicate names": (
        lambda _: Backmapper(named(["RES"] * 3, ["ALA"] * 3), model()),
        ValueError,
        "has 3 beads ALA:RES ALA:RES ALA:RES but the model's are 3 beads ACE:RES "
        "ALA:RES NME:RES, and no molecule of these is among them; compare the names",
    ),
    "atoms in place of beads": (
        lambda _: Backmapper(amber_peptide(), model()),
        ValueError,
        "has 22 atoms, as many as the model makes, but beads are wanted; use coarse_g",
    ),
    "atoms of another molecule": (
        lambda _: match_atoms(
            dipeptide.atoms().select_atoms("resname ALA"), model().atom_table
        ),
        ValueError,
        "has no molecule with the elements and bonds of 22 atoms .* among 10 atoms; ",
    ),
    "a molecule of the opposite chirality": (
        lambda _: match_atoms(mirrored(), model().atom_table),
        ValueError,
        "among 22 atoms; 1 are its mirror image; compare its elements and bonds",
    ),
    "a mapping of other atoms": (
        lambda _: coarse_grain(amber(), model().mapping),
        ValueError,
        "`universe` has 5071 atoms but the mapping is for 22; give the atoms it was",
    ),
    "a box too small for the cutoff": (
        lambda _: relaxed_in_box(8.0),
        ValueError,
        "`box` is 8 A wide, where forces would be cut off at 3.6 A; give one of at "
        "least 10 A, or none",
    ),
    "a box without angles": (
        lambda _: Backmapper(in_box(30, 30, 30, 0, 0, 0), model()).sample(),
        ValueError,
        r"has the box \[30.0, 30.0, 30.0, 0.0, 0.0, 0.0\] in frame 0, which is none; "
        "correct it with",
    ),
    "a box of no shape": (
        lambda _: Backmapper(in_box(30, 30, 30, 10, 10, 170), model()).sample(),
        ValueError,
        "170.0] in frame 0, which is none; correct it with",
    ),
    "a force field without the residues": (
        lambda _: Backmapper(beads(), model()).sample().relax(WATER),
        ValueError,
        "`forcefield` cannot describe 22 atoms .ACE ALA NME., OpenMM says: .*; pass "
        "the names of the XML files that hold its residues",
    ),
    "a model file that lost its end": (
        lambda folder: load_model(changed(folder, lambda c: c[:-100])),
        ValueError,
        "`path` is .*model.cgvae, which is not a complete model file .*; get the file",
    ),
    "a model file with a bit flipped in its weights": (
        lambda folder: load_model(changed(folder, flipped)),
        ValueError,
        "do not make a model .the weights are not those that were written.; get the",
    ),
    "a pickle under the name of a model": (
        lambda folder: load_model(changed(folder, lambda _: pickle.dumps([5]))),
        ValueError,
        "`path` is .*model.cgvae, which is not a complete model file .*; get the file",
    ),
    "a model file of a newer version": (
        lambda folder: load_model(changed(folder, newer)),
        ValueError,
        "a model file of format 2, but this version reads format 1; update openmm_c",
    ),
    "a model file with a tensor of 10^12 numbers": (
        lambda folder: load_model(changed(folder, huge)),
        ValueError,
        "`path` is .*model.cgvae, which is not a complete model file .*; get the file",
    ),
    "a model that is not there": (
        lambda _: load_model("alanine"),
        FileNotFoundError,
        "`name_or_path` is 'alanine', which is neither a file nor a model of the pack",
    ),
    "a mapping file that is no mapping": (
        lambda folder: Mapping.load(written(folder, "[1, 2]")),
        ValueError,
        "mapping.json",
    ),
    "a mapping with a bead left out": (
        lambda _: Mapping([0, 0, 2]),
        ValueError,
        "`bead_of_atom` ",
    ),
    "a scheme that nobody knows": (
        lambda _: schemes.from_spec(dipeptide.atoms(), "residue"),
        ValueError,
        "`text` is 'residue', which names no scheme; give residues, alpha-carbon",
    ),
    "an option that nobody knows": (
        lambda _: train(
            dipeptide.atoms(), model().mapping, model_options={"n_chanels": 8}
        ),
        ValueError,
        "`n_chanels` is not an option of ModelConfig; the options are",
    ),
    "an option of another type": (
        lambda _: train(
            dipeptide.atoms(), model().mapping, model_options={"n_channels": 8.0}
        ),
        ValueError,
        "`n_channels` is 8.0 but must be a whole number",
    ),
    "an option out of bounds": (
        lambda _: train(
            dipeptide.atoms(), model().mapping, training_options={"kl_warmup": 2.0}
        ),
        ValueError,
        "`kl_warmup` is 2.0 but must be 0 to 1; it is a fraction of the epochs",
    ),
    "a word that is none of the choices": (
        lambda _: train(
            dipeptide.atoms(), model().mapping, model_options={"encoder": "signd"}
        ),
        ValueError,
        "`encoder` is 'signd' but must be one of 'distances', 'signed', 'bonded_f",
    ),
    "water without a layer": (
        lambda _: Solvent(padding=0),
        ValueError,
        "`padding` is 0.0 but must be positive; 10 Å is usual",
    ),
    "a model without enough channels": (
        lambda _: train(
            dipeptide.atoms(), model().mapping, model_options={"n_channels": 4}
        ),
        ValueError,
        "n_channels",
    ),
    "a seed that is none": (
        lambda _: Backmapper(beads(), model()).sample(seed=-1),
        ValueError,
        "`seed` is -1",
    ),
    "no sample": (
        lambda _: Backmapper(beads(), model()).sample(n=0),
        ValueError,
        "`n` is 0",
    ),
    "a file format that nobody writes": (
        lambda folder: Backmapper(beads(), model()).run(output=folder / "atoms.abc"),
        ValueError,
        "atoms.abc",
    ),
    "a folder that is not there": (
        lambda folder: Backmapper(beads(), model()).run(
            output=folder / "there" / "atoms.xtc"
        ),
        FileNotFoundError,
        "there",
    ),
    "a force field with two answers": (
        lambda _: Backmapper(beads(), model()).sample().relax(ambiguous()),
        ValueError,
        "`forcefield` cannot describe 22 atoms .*Multiple non-identical matching",
    ),
}


def mirrored():
    universe = dipeptide.atoms()
    universe.load_new(-universe.atoms.positions[None])
    return universe


@pytest.mark.parametrize("row", TABLE.values(), ids=TABLE)
def test_gets_a_sentence(row, tmp_path):
    call, error, sentence = row
    with pytest.raises(error, match=sentence) as raised:
        call(tmp_path)
    assert line_of(error, raised.value, tmp_path) in PAGE.read_text(encoding="utf-8")
    left = {path.name for path in tmp_path.iterdir() if path.name[0] != "."}
    given = {"beads.xtc", "model.cgvae", "mapping.json", "here", "theirs.xtc.parts"}
    assert left <= given  # nothing half-written


@pytest.mark.filterwarnings("ignore:seek failed, recalculating offsets")
def test_torn_atoms_under_the_beads(tmp_path):
    atoms = dipeptide.atoms(N_FRAMES)
    path = tmp_path / "some.xtc"
    atoms.atoms.write(path, frames="all")
    path.write_bytes(path.read_bytes()[:-4])
    source = mda.Universe(dipeptide.TOPOLOGY, path)
    # The last frame begins well, so it is counted.
    with pytest.raises(ValueError, match=r"cannot read frame 11 .*; mend or leave"):
        run(coarse_grain(source, model().mapping), tmp_path)


class TestSkips:
    def skipped(self, universe, folder):
        written = Backmapper(universe, model()).run(
            output=folder / "atoms.xtc", progress=False, on_error="skip"
        )
        read = mda.Universe(dipeptide.TOPOLOGY, str(written)).trajectory
        assert len(read) == written.n_frames == 11
        assert np.isfinite([ts.positions for ts in read]).all()
        return written.skipped

    def test_a_bad_frame(self, tmp_path):
        skipped = self.skipped(with_nan(), tmp_path)
        assert list(skipped) == [BAD_FRAME]
        assert "no position for bead 1 in frame 7" in skipped[BAD_FRAME]

    @pytest.mark.parametrize("n_bytes", [1, 10, 60])
    def test_a_torn_end(self, tmp_path, n_bytes):
        skipped = self.skipped(truncated(tmp_path, n_bytes), tmp_path)
        assert list(skipped) == [11]
        assert "ends in the middle of a frame" in skipped[11]

    def test_a_bad_box(self, tmp_path):
        universe = in_box(30, 30, 30, 90, 90, 90)
        frames = np.tile(universe.atoms.positions, (N_FRAMES, 1, 1))
        boxes = np.tile(universe.dimensions, (N_FRAMES, 1))
        boxes[4, 3:] = 0
        universe.load_new(frames, dimensions=boxes)
        skipped = self.skipped(universe, tmp_path)
        assert list(skipped) == [4]
        assert "which is none" in skipped[4]


class TestIsNotBad:
    def test_a_torn_end_that_nobody_asked_for(self, tmp_path):
        universe = truncated(tmp_path)
        path = tmp_path / "atoms.xtc"
        written = Backmapper(universe, model()).run(
            stop=11, output=path, progress=False
        )
        assert (written.n_frames, written.skipped) == (11, {})

    def test_a_file_that_grew(self, tmp_path):
        universe = truncated(tmp_path, n_bytes=120)  # as a reader knew it before
        beads().atoms.write(tmp_path / "beads.xtc", frames="all")
        written = run(universe, tmp_path)
        assert written.n_frames == universe.trajectory.n_frames < N_FRAMES

    def test_a_box_of_no_length_is_none(self):
        made = Backmapper(in_box(0, 0, 0, 90, 90, 90), model()).sample(seed=0)
        assert made.box is None

    def test_residue_names_of_another_force_field(self):
        # OpenMM knows residues by elements and bonds, and so does match_atoms.
        atoms = dipeptide.atoms()
        atoms.residues.resnames = ["ACX", "ALX", "NMX"]
        atoms.atoms.names = [f"X{i}" for i in range(22)]
        matched = match_atoms(atoms, model().atom_table)
        assert matched.by == ("graph",)
        np.testing.assert_allclose(
            coarse_grain(matched.atoms, model().mapping).atoms.positions,
            beads().atoms.positions,
            atol=1e-5,
        )
        assert residues(atoms).n_beads == 3


def line_of(error, raised, folder):
    """Write in a line of Markdown what was raised, without what differs every time."""
    text = re.sub(r"\s+", " ", str(raised)).replace(f"{folder}/", "")
    for said_by_others in SHORTENED:
        text = re.sub(said_by_others, "...", text)
    return f"{error.__name__} | " + text.replace("|", "\\|")


def page():
    """Write the table down."""
    lines = [
        "# What bad input gets",
        "",
        "Made by `python tests/test_bad_input.py`: every line was tried, and the tests",
        "fail where it says something else. Nothing is half-written afterwards.",
        "",
        "| what is wrong | error | what it says |",
        "|---|---|---|",
    ]
    for name, (call, error, _) in TABLE.items():
        with tempfile.TemporaryDirectory() as folder:
            try:
                call(Path(folder))
            except error as raised:
                lines.append(f"| {name} | {line_of(error, raised, folder)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    PAGE.write_text(page(), encoding="utf-8")
