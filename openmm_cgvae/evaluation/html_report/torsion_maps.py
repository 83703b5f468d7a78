"""A map of phi and psi as an SVG picture."""

import numpy as np

from openmm_cgvae.metrics import dihedral_angles
from openmm_cgvae.molecules import AtomTable
from openmm_cgvae.molecules.torsions import backbone_torsions

__all__ = ["ramachandran_map"]

SIZE, LEFT, BOTTOM = 300.0, 52.0, 42.0  # [px]
TICKS = (-180.0, -90.0, 0.0, 90.0, 180.0)
LOOKS = (("#0072B2", "circle"), ("#D55E00", "square"))  # Okabe and Ito (2008)


def ramachandran_map(atom_table: AtomTable, sets: dict[str, np.ndarray]) -> str:
    """Draw phi and psi of every residue of every structure as points.

    Parameters
    ----------
    atom_table : AtomTable
        The molecule.
    sets : dict of str to ndarray, shape (n_samples, n_atoms, 3)
        One or two sets of structures by their names [Å].

    Returns
    -------
    str
        An SVG picture, or nothing where there are no such torsions.
    """
    torsions = backbone_torsions(atom_table).reshape(-1, 4)
    if not len(torsions):
        return ""
    width, height = LEFT + SIZE + 190, SIZE + BOTTOM + 10
    parts = [
        f'<svg width="{width}" height="{height}" role="img" '
        'aria-label="Map of the torsions phi and psi">',
        f'<rect x="{LEFT}" y="10" width="{SIZE}" height="{SIZE}" fill="none" '
        'stroke="#888"/>',
        *_axes(),
    ]
    for number, (name, positions) in enumerate(sets.items()):
        angles = dihedral_angles(positions, torsions).reshape(-1, 2)
        look = LOOKS[number]
        parts += [_point(*_place(phi, psi), *look) for phi, psi in angles]
        y = 24.0 + 22.0 * number
        parts.append(_point(LEFT + SIZE + 20, y, *look))
        parts.append(f'<text x="{LEFT + SIZE + 32}" y="{y + 4}">{name}</text>')
    return "\n".join([*parts, "</svg>"])


def _place(phi: float, psi: float) -> tuple[float, float]:
    return LEFT + (phi + 180) / 360 * SIZE, 10 + (180 - psi) / 360 * SIZE


def _axes() -> list[str]:
    parts = []
    for tick in TICKS:
        x, y = _place(tick, tick)
        parts.append(
            f'<text x="{x:.0f}" y="{SIZE + 26}" text-anchor="middle">{tick:.0f}</text>'
            f'<text x="{LEFT - 6}" y="{y + 4:.0f}" text-anchor="end">{tick:.0f}</text>'
        )
    middle = 10 + SIZE / 2
    parts.append(
        f'<text x="{LEFT + SIZE / 2}" y="{SIZE + 46}" text-anchor="middle">'
        "φ [degrees]</text>"
        f'<text transform="translate(12 {middle}) rotate(-90)" text-anchor="middle">'
        "ψ [degrees]</text>"
    )
    return parts


def _point(x: float, y: float, colour: str, shape: str) -> str:
    if shape == "circle":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>'
    return (
        f'<rect x="{x - 3.5:.1f}" y="{y - 3.5:.1f}" width="7" height="7" '
        f'fill="none" stroke="{colour}" stroke-width="1.6"/>'
    )
