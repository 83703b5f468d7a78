"""Make peptide.pdb; martinize2 (vermouth 0.15.0) made the beads from it, by

    python make.py peptide.pdb
    for ff in martini22 martini3001; do
        martinize2 -f peptide.pdb -x $ff.pdb -o topol.top -ff $ff -ss C -maxwarn 50
    done

The peptide has the 20 residues, then HID, HIP, ASH, GLH and LYN, and charged ends.
"""

import io
import sys
from pathlib import Path

from openmm import app
from rdkit import Chem
from rdkit.Chem import AllChem

SEQUENCE = "ACDEFGHIKLMNPQRSTVWY" + "HHDEK" + "G"
VARIANTS = {6: "HIE", 20: "HID", 21: "HIP", 22: "ASH", 23: "GLH", 24: "LYN"}
# RDKit exchanges these two.
ISOLEUCINE = {"CG1": " CG2", "CG2": " CG1"}


def write_peptide(path):
    """Write the peptide to a PDB file."""
    molecule = Chem.AddHs(Chem.MolFromSequence(SEQUENCE))
    settings = AllChem.ETKDGv3()
    settings.randomSeed, settings.useRandomCoords = 7, True
    AllChem.EmbedMolecule(molecule, settings)
    AllChem.MMFFOptimizeMolecule(molecule, maxIters=500)
    heavy = Chem.RemoveHs(molecule)
    for atom in heavy.GetAtoms():
        info = atom.GetPDBResidueInfo()
        name = info.GetName().strip()
        if info.GetResidueName() == "ILE" and name in ISOLEUCINE:
            info.SetName(ISOLEUCINE[name])
    pdb = app.PDBFile(io.StringIO(Chem.MolToPDBBlock(heavy)))
    modeller = app.Modeller(pdb.topology, pdb.positions)
    variants = [VARIANTS.get(residue) for residue in range(len(SEQUENCE))]
    modeller.addHydrogens(app.ForceField("amber14-all.xml"), variants=variants)
    with path.open("w") as file:
        app.PDBFile.writeFile(modeller.topology, modeller.positions, file)


if __name__ == "__main__":
    write_peptide(Path(sys.argv[1]))
