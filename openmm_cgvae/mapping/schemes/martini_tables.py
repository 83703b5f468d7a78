"""Which heavy atoms make the beads of amino acids in Martini 2.2 and Martini 3.

Sources: the figures of D. H. de Jong *et al.*, *J. Chem. Theory Comput.* 9, 687 (2013)
and P. C. T. Souza *et al.*, *Nat. Methods* 18, 382 (2021), and the mapping files that
martinize2 places beads with (vermouth 0.15.0, force fields martini22, martini3001).
"""

__all__ = [
    "BACKBONE",
    "BACKBONES",
    "OXYGENS",
    "SHARES",
    "SIDE_CHAINS",
    "STANDARD_ATOMS",
    "STANDARD_NAMES",
]

# Side chains: beads SC1, SC2, ... between bars. A star says that the hydrogens of the
# atom count for the place of the bead, which those of most aliphatic carbons do not.
_ALIKE = {
    "GLY": "",
    "ARG": "CB CG CD | NE* CZ NH1* NH2*",
    "ASN": "CB CG OD1 ND2*",
    "ASP": "CB CG OD1* OD2*",
    "CYS": "CB SG",
    "GLN": "CB CG CD OE1 NE2*",
    "GLU": "CB CG CD OE1* OE2*",
    "HIS": "CB CG | CD2* NE2* | ND1* CE1*",
    "ILE": "CB CG1 CG2 CD1",
    "LEU": "CB CG CD1 CD2",
    "LYS": "CB CG CD | CE* NZ*",
    "MET": "CB CG SD CE",
    "PRO": "CB CG CD",
    "SER": "CB OG*",
    "THR": "CB CG2 OG1*",
    "VAL": "CB CG1 CG2",
}
SIDE_CHAINS = {
    2: _ALIKE
    | {
        "ALA": "",
        "PHE": "CB CG CD1* | CD2* CE2* | CE1* CZ*",
        "TRP": "CB CG CD2 | CD1* NE1* CE2 | CE3* CZ3* | CZ2* CH2*",
        "TYR": "CB CG CD1* | CD2* CE2* | CE1* CZ OH*",
    },
    3: _ALIKE
    | {
        "ALA": "CB",
        "PHE": "CB* CG | CD1* CE1* | CD2* CE2* CZ*",
        "TRP": "CB CG | CD1* NE1* | CD2 CE2 | CE3* CZ3* | CZ2* CH2*",
        "TYR": "CB CG | CD1* CE1* | CD2* CE2* | CZ OH*",
    },
}
# The bead BB. Martini 2 has no side chain for alanine.
BACKBONE = dict.fromkeys(SIDE_CHAINS[3], "N* CA C")
BACKBONES = {2: BACKBONE | {"ALA": "N* CA CB C"}, 3: BACKBONE}
# Oxygens of the backbone and of a carboxyl end, by their names in various files.
OXYGENS = {"O", "OXT", "OT1", "OT2", "OC1", "OC2", "O1", "O2", "OT"}

# What counts of the masses of phenylalanine in Martini 3. It shares atoms of the ring
# between beads: CZ half and half, CD1 and CD2 by one third with SC1. A mapping has an
# atom in one bead, so CG stands for these thirds, and CD1 is lightened for the lack of
# CZ: SC1 is then within 0.02 A of Martini's, SC2 within 0.3 A, SC3 the same.
SHARES = {
    (3, "PHE"): {"CG": 2.75, "CD1": 0.25, "CD2": 2 / 3, "CZ": 1 / 2},
}

# Names by protonation and by disulfide bridge: Amber, CHARMM, GROMOS, PDB.
_OTHER_NAMES = {
    "ARG": "ARGN ARN",
    "ASP": "ASH ASPH ASPP ASP0",
    "CYS": "CYX CYM CYS2 CYSH CYS1 CYSX CYSD CYN",
    "GLU": "GLH GLUH GLUP GLU0",
    "HIS": "HID HIE HIP HSD HSE HSP HISA HISB HISH HISD HISE HISP HIS1 HIS2",
    "LYS": "LYN LYSH LSN LYS0 LYP",
    "TYR": "TYM",
}
STANDARD_NAMES = {name: name for name in SIDE_CHAINS[3]} | {
    other: name for name, others in _OTHER_NAMES.items() for other in others.split()
}
# CHARMM and GROMOS give the last carbon of isoleucine no number.
STANDARD_ATOMS = {("ILE", "CD"): "CD1"}
