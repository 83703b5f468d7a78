"""Which atom belongs to which bead, and with which weight it places the bead.

The two are kept apart on purpose. The *assignment* says which bead has to give an
atom its position back; the *weights* say where the bead sits. A model of alpha
carbons assigns every atom of a residue to its bead and weighs all but one by zero.
"""

from openmm_cgvae.mapping.contiguity import bonds_within, join_pieces, pieces_of_beads
from openmm_cgvae.mapping.mapping import Mapping

__all__ = ["Mapping", "bonds_within", "join_pieces", "pieces_of_beads"]
