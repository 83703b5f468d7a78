"""Laws, toy molecules and named tolerances for tests of models and mapping schemes.

For packages that add a model or a scheme; needs pytest (``openmm_cgvae[testing]``).
"""

from openmm_cgvae.testing import dipeptide, tolerances
from openmm_cgvae.testing.assertions import (
    assert_different,
    assert_equivariant,
    assert_invariant,
    assert_same,
    assert_same_with_gradients,
    moved,
    random_isometry,
)
from openmm_cgvae.testing.batches import (
    as_edge_lists,
    joined,
    permuted_atoms,
    permuted_beads,
    with_fields,
)
from openmm_cgvae.testing.graph_model_laws import GraphModelLaws
from openmm_cgvae.testing.model_laws import (
    ModelLaws,
    assert_finite_gradients,
    in_double_precision,
    outputs,
    prior_outputs,
)
from openmm_cgvae.testing.molecules import (
    MOLECULE,
    SINGLE,
    SMALLER,
    VOCABULARY,
    molecule_in_memory,
    ragged_batch,
    toy_batch,
    toy_config,
    toy_graph,
    toy_model,
    toy_molecule,
    toy_noise,
    toy_positions,
)
from openmm_cgvae.testing.scheme_laws import SchemeLaws

__all__ = [
    "MOLECULE",
    "SINGLE",
    "SMALLER",
    "VOCABULARY",
    "GraphModelLaws",
    "ModelLaws",
    "SchemeLaws",
    "as_edge_lists",
    "assert_different",
    "assert_equivariant",
    "assert_finite_gradients",
    "assert_invariant",
    "assert_same",
    "assert_same_with_gradients",
    "dipeptide",
    "in_double_precision",
    "joined",
    "molecule_in_memory",
    "moved",
    "outputs",
    "permuted_atoms",
    "permuted_beads",
    "prior_outputs",
    "ragged_batch",
    "random_isometry",
    "tolerances",
    "toy_batch",
    "toy_config",
    "toy_graph",
    "toy_model",
    "toy_molecule",
    "toy_noise",
    "toy_positions",
    "with_fields",
]
