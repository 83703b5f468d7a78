"""A mapping as plain JSON types, one entry per bead, that people can edit."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from openmm_cgvae._runtime.atomic_files import written_whole

__all__ = ["document", "read_document", "read_file", "write_document"]

_FORMAT_NAME = "openmm_cgvae mapping"
_FORMAT_VERSION = 1
_LARGEST_FLOAT = float(np.finfo(np.float64).max)


def document(
    bead_of_atom: np.ndarray, weights: np.ndarray, bead_names: tuple[str, ...]
) -> dict[str, Any]:
    """Return the mapping as plain JSON types."""
    groups = [np.flatnonzero(bead_of_atom == bead) for bead in range(len(bead_names))]
    return {
        "format": _FORMAT_NAME,
        "format_version": _FORMAT_VERSION,
        "n_atoms": len(bead_of_atom),
        "beads": [
            {"name": name, "atoms": atoms.tolist(), "weights": weights[atoms].tolist()}
            for name, atoms in zip(bead_names, groups, strict=True)
        ],
    }


def write_document(plain: dict[str, Any], path: Path) -> None:
    """Write the document with a line per bead, in one step."""
    beads = ",\n".join(f"  {json.dumps(bead)}" for bead in plain["beads"])
    head = {key: value for key, value in plain.items() if key != "beads"}
    opening = json.dumps(head, indent=1).removesuffix("\n}")
    text = f'{opening},\n "beads": [\n{beads}\n ]\n}}\n'
    with written_whole(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


def read_file(path: Path) -> bytes:
    """Read a file, but nothing that may have no end."""
    if path.exists() and not path.is_file():
        raise ValueError(
            f"`path` is {str(path)!r}, which is a folder, a device or a pipe; give a "
            "file written by Mapping.save"
        )
    return path.read_bytes()


def read_document(data: Any) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Return assignment, weights and bead names of a document."""
    n_atoms, beads = _checked_document(data)
    bead_of_atom = np.full(n_atoms, -1, dtype=np.int64)
    weights = np.zeros(n_atoms)
    for number, bead in enumerate(beads):
        atoms = _checked_bead(bead, number, n_atoms)
        if (bead_of_atom[atoms] >= 0).any():
            raise ValueError(
                f"`beads[{number}]` holds an atom of an earlier bead; "
                "every atom belongs to one bead"
            )
        bead_of_atom[atoms] = number
        weights[atoms] = bead["weights"]
    # As many atoms as there are, none of them twice: so none is left out.
    return bead_of_atom, weights, [bead["name"] for bead in beads]


def _checked_document(data: Any) -> tuple[int, list[Any]]:
    """Return number of atoms and list of beads of a mapping as a dictionary."""
    if not isinstance(data, dict) or data.get("format") != _FORMAT_NAME:
        raise ValueError(f'it does not say "format": "{_FORMAT_NAME}"')
    if data.get("format_version") != _FORMAT_VERSION:
        raise ValueError(
            f"`format_version` is {data.get('format_version')!r} but this version "
            f"of the package reads {_FORMAT_VERSION}"
        )
    n_atoms, beads = data.get("n_atoms"), data.get("beads")
    if not isinstance(beads, list) or type(n_atoms) is not int:
        raise ValueError("`n_atoms` must be an integer and `beads` a list")
    if n_atoms != sum(len(b["atoms"]) for b in beads if _has_lists(b)):
        raise ValueError(f"`beads` do not hold `n_atoms` = {n_atoms} atoms")
    return n_atoms, beads


def _has_lists(bead: Any) -> bool:
    """Return whether a bead of a file has lists for its atoms and weights."""
    return isinstance(bead, dict) and all(
        isinstance(bead.get(key), list) for key in ("atoms", "weights")
    )


def _checked_bead(bead: Any, number: int, n_atoms: int) -> list[int]:
    """Return the atoms of one bead of a file."""
    if not _has_lists(bead) or not isinstance(bead.get("name"), str):
        raise ValueError(
            f"`beads[{number}]` must have a name and lists of atoms and weights"
        )
    atoms, weights = bead["atoms"], bead["weights"]
    if not all(type(atom) is int and 0 <= atom < n_atoms for atom in atoms):
        raise ValueError(
            f"`beads[{number}]` must number its atoms from 0 to {n_atoms - 1}"
        )
    if not atoms or len(atoms) != len(weights) or len(set(atoms)) != len(atoms):
        raise ValueError(
            f"`beads[{number}]` must list each of its atoms once, and one weight each"
        )
    # By comparison: an integer may be too long for a float.
    if not all(type(w) in (int, float) and abs(w) < _LARGEST_FLOAT for w in weights):
        raise ValueError(f"`beads[{number}]` must have finite numbers as weights")
    return atoms
