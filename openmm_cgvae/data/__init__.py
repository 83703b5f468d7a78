"""Start structures and trajectories that ship with the package.

``alanine-dipeptide.pdb`` is ACE-ALA-NME, embedded by RDKit from its SMILES with L
stereochemistry and minimised; ``chignolin.pdb`` is the folded ACE-YYDPETGTWY-NME,
the hairpin of PDB 5AWL minimised, with L residues and trans amides throughout.
``alanine-dipeptide.xtc`` and ``.json`` are a trajectory made by
:func:`openmm_cgvae.simulation.reference.trajectories.simulate` and its provenance.
"""

from importlib import resources
from pathlib import Path

__all__ = ["SYSTEMS", "data_path"]

# The molecules of the paper: each has a structure here, a reference simulation and a
# benchmark.
SYSTEMS = ("alanine-dipeptide", "chignolin")


def data_path(name: str) -> Path:
    """Find a data file of the package.

    Parameters
    ----------
    name : str
        The file's name, such as ``"alanine-dipeptide.xtc"``.

    Returns
    -------
    Path
        Where the file lies.

    Raises
    ------
    FileNotFoundError
        If no such file ships with the package.

    Examples
    --------
    >>> data_path("alanine-dipeptide.pdb").name
    'alanine-dipeptide.pdb'
    """
    folder = Path(str(resources.files(__name__)))
    shipped = sorted(
        path.name
        for path in folder.iterdir()
        if path.suffix in {".json", ".pdb", ".xtc"} and not path.name.startswith(".")
    )
    if name not in shipped:
        raise FileNotFoundError(
            f"`name` is {name!r} but must be a data file of the package; "
            f"choose one of {', '.join(shipped)}"
        )
    return folder / name
