"""ModelConfig: the closed record of what a network is."""

from dataclasses import dataclass, fields
from typing import Any, Literal, get_args, no_type_check

from openmm_cgvae._runtime import plugins
from openmm_cgvae._runtime.deprecations import current_names

Encoder = Literal["distances", "signed", "bonded_frames"]
Decoder = Literal["vectors", "local_frames", "bonded_frames"]
PriorInput = Literal["types", "bonded_frames"]
PriorForm = Literal["gaussian", "flow"]
Messages = Literal["product", "sender", "oriented"]
Likelihood = Literal["fixed", "learned"]
AtomTypes = Literal["element", "identity"]
MethylLabels = Literal["as_given", "canonical"]


@no_type_check  # the record refuses wrong values itself, by a sentence
@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """Sizes and forms of the networks.

    The defaults of the forms are the paper's printed ones; sizes are those of its
    Table 4 for alanine dipeptide. Every other form is a named departure.

    Parameters
    ----------
    model : str
        "cgvae", or a baseline of the paper, "linear" or "mlp": a linear map or a
        multi-layer perceptron. A baseline has no settings but ``keeps_beads``,
        ``methyl_labels`` and ``atom_types``. Or the name of a model that another
        package has registered as an entry point in the group ``openmm_cgvae.models``.
    n_channels : int
        Features F of every bead and atom; at least the atoms of the largest bead.
    n_latents : int
        Latents of every bead; 0 stands for as many as features, the printed form. Of
        many latents training leaves all but a few unused, and a prior spends its time
        on how narrow those are: a few latents are learned in a third of the time.
    n_radial : int
        Sine functions K of the radial basis.
    encoder_layers, prior_layers, decoder_layers : int
        Convolution depths.
    atom_cutoff, bead_cutoff : float
        Cutoffs of the atom and bead graphs [A].
    encoder : {"distances", "signed", "bonded_frames"}
        The paper's encoder sees distances alone; the signed one sees which hand a
        bead has; the last describes atoms in frames made from the beads that a bead
        is bonded to.
    decoder : {"vectors", "local_frames", "bonded_frames"}
        Eqs. 5, 6 and 8 as printed, or atoms placed in learned local frames, or in
        frames made from bonded beads.
    prior_input : {"types", "bonded_frames"}
        What the prior knows of a bead before the first message: what it is made of,
        as printed, or also where the beads are that it is bonded to.
    prior : {"gaussian", "flow"}
        The paper's Gaussian for every bead, or a flow of ``flow_layers`` couplings
        on top of it, fitted to the latents once the rest of the model is trained: it
        can follow a posterior of several bumps.
    flow_layers : int
        Couplings of the flow (flow prior only).
    prior_temperature : float
        Factor on the noise with which latents are drawn from the prior. A prior is too
        sure of beads unlike those it has seen; training can set this, see
        `TrainingConfig`.
    messages : {"product", "sender", "oriented"}
        Whether L4 acts on h_i * h_j, as printed, or on h_j alone, which costs one
        network call a node instead of one an edge; or on h_j with a filter that sees
        where the neighbour stands in the frame of the bead (bonded frames only).
    message_dropout : float
        Share of the neighbours that a bead does not hear in a step of training, others
        each time (oriented messages only): what is learned by heart of the training
        molecules is less.
    likelihood : {"fixed", "learned"}
        Squared errors as printed, or a Gaussian with a learned variance for each
        type of atom.
    atom_types : {"element", "identity"}
        What the embeddings of the atoms tell apart.
    pseudoscalar_init : float
        Value of the pseudoscalars before the first layer. Zero makes the decoder
        blind to handedness; the paper takes one for three beads.
    mixes_vectors : bool
        Whether the update block mixes vector channels, as PaiNN does and Eq. 8 as
        printed does not.
    methyl_labels : {"as_given", "canonical"}
        Whether the model learns the labels of a methyl's hydrogens, and of the sides
        of flat groups such as the ring of tyrosine, as they are in the data, or with
        symmetry-equivalent atoms permuted to the canonical order, see
        `LabelSymmetry`. Methyls of samples get random labels in either case, flat
        groups the canonical ones.
    normalises_sums : bool
        Whether training sets the three degrees below from its data.
    atom_degree, pool_degree, bead_degree : float
        Sums over neighbouring atoms, over the atoms of a bead and over
        neighbouring beads are divided by these; 1 is the printed form.
    n_frames_of_bead : int
        Local frames of each bead (local-frame decoder only).
    refinement_steps : int
        Steps that take strain and clashes off samples, see
        `refinement.MoleculeRefinement`; none
        in the paper.
    keeps_beads : bool
        Whether the network itself keeps the beads (a CGVAE does; the baselines as
        printed do not). Structures that are sampled keep them in any case.

    Raises
    ------
    ValueError
        If a value is not possible.

    Examples
    --------
    >>> ModelConfig(n_channels=16).decoder
    'vectors'
    >>> ModelConfig(encoder="signd")
    Traceback (most recent call last):
    ValueError: `encoder` is 'signd' but must be one of 'distances', 'signed', ...
    """

    model: str = "cgvae"
    n_channels: int = 600
    n_latents: int = 0
    n_radial: int = 8
    encoder_layers: int = 4
    prior_layers: int = 4
    decoder_layers: int = 5
    atom_cutoff: float = 8.5
    bead_cutoff: float = 9.5
    encoder: Encoder = "distances"
    decoder: Decoder = "vectors"
    prior_input: PriorInput = "types"
    prior: PriorForm = "gaussian"
    flow_layers: int = 4
    prior_temperature: float = 1.0
    messages: Messages = "product"
    message_dropout: float = 0.0
    likelihood: Likelihood = "fixed"
    atom_types: AtomTypes = "element"
    pseudoscalar_init: float = 0.0
    mixes_vectors: bool = False
    methyl_labels: MethylLabels = "as_given"
    normalises_sums: bool = False
    atom_degree: float = 1.0
    pool_degree: float = 1.0
    bead_degree: float = 1.0
    n_frames_of_bead: int = 4
    refinement_steps: int = 0
    keeps_beads: bool = True

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        self._check_that_there_is_the_model()
        for field in fields(self):
            value = getattr(self, field.name)
            words = get_args(field.type)
            if words and value not in words:
                raise ValueError(
                    f"`{field.name}` is {value!r} but must be one of "
                    f"{', '.join(map(repr, words))}"
                )
            if field.type in (int, float):
                lowest = _LOWEST.get(field.name, 1 if field.type is int else 0)
                check_number(field.name, value, field.type, lowest)
                if value == 0 and field.name not in _LOWEST:
                    raise ValueError(f"`{field.name}` is 0 but must be positive")
                object.__setattr__(self, field.name, field.type(value))
            if field.type is bool and not isinstance(value, bool):
                raise ValueError(f"`{field.name}` is {value!r} but must be a bool")
        self._check_what_the_model_has()

    def _check_that_there_is_the_model(self) -> None:
        if self.model not in OF_THE_PACKAGE:
            others = plugins.registered(plugins.MODELS)
            if not isinstance(self.model, str) or self.model not in others:
                raise ValueError(
                    f"`model` is {self.model!r} but must be one of "
                    f"{', '.join(map(repr, (*OF_THE_PACKAGE, *others)))}"
                )

    def _check_what_the_model_has(self) -> None:
        """Refuse settings that would change nothing."""
        if self.model == "cgvae":
            if not self.keeps_beads:
                raise ValueError(
                    "`keeps_beads` is False but a CGVAE always keeps them; leave it out"
                )
            self._check_oriented()
        if self.model not in BASELINES:
            return
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name not in OF_BASELINES and value != field.default:
                raise ValueError(
                    f"`{field.name}` is {value!r} but the baseline {self.model!r} has "
                    f"no such setting, only {', '.join(OF_BASELINES[1:])}; leave it out"
                )

    def _check_oriented(self) -> None:
        """Refuse messages in frames that the beads do not have, and such dropout."""
        if self.message_dropout and self.messages != "oriented":
            raise ValueError(
                f"`message_dropout` is {self.message_dropout} but messages are "
                f"{self.messages!r}, which have none; leave it out"
            )
        if self.message_dropout >= 1:
            raise ValueError(
                f"`message_dropout` is {self.message_dropout} but must be less than 1"
            )
        frames = (self.encoder, self.decoder, self.prior_input)
        if self.messages == "oriented" and (
            set(frames) != {"bonded_frames"} or self.prior != "gaussian"
        ):
            raise ValueError(
                f"`messages` is 'oriented' but encoder, decoder and prior_input are "
                f"{', '.join(map(repr, frames))} and prior {self.prior!r}; make the "
                "first three 'bonded_frames' and the prior 'gaussian'"
            )

    @property
    def latents_of_bead(self) -> int:
        """Number of latents of every bead."""
        return self.n_latents or self.n_channels

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> "ModelConfig":
        """Make a config from plain values; unknown names are refused by a sentence."""
        return config_from_dict(cls, plain)


BASELINES = ("linear", "mlp")
# Names of version 0.1, of this record and of `TrainingConfig`.
RENAMED = {
    "settling_steps": "refinement_steps",
    "prior_widening": "prior_temperature",
    "widens_prior": "fits_prior_temperature",
    "polish_epochs": "fine_tuning_epochs",
}
OF_THE_PACKAGE = ("cgvae", *BASELINES)
OF_BASELINES = ("model", "keeps_beads", "methyl_labels", "atom_types")

# These may be zero; other numbers have to be positive.
_LOWEST: dict[str, int | None] = {
    "n_latents": 0,
    "message_dropout": 0,
    "encoder_layers": 0,
    "prior_layers": 0,
    "decoder_layers": 1,
    "refinement_steps": 0,
    "pseudoscalar_init": None,
}


def check_number(
    name: str, value: Any, kind: type, lowest: float | int | None = 0
) -> None:
    """Raise a sentence unless a value is a finite number of the right kind.

    Parameters
    ----------
    name : str
        Name of the argument.
    value : object
        What came.
    kind : type
        ``int`` or ``float``; an int is a float, a bool is neither.
    lowest : float or None
        Smallest value allowed; None allows any.
    """
    wanted = "a whole number" if kind is int else "a number"
    allowed = int if kind is int else (int, float)
    if isinstance(value, bool) or not isinstance(value, allowed) or value != value:
        raise ValueError(f"`{name}` is {value!r} but must be {wanted}")
    if abs(value) == float("inf"):
        raise ValueError(f"`{name}` is {value!r} but must be finite")
    if lowest is not None and value < lowest:
        raise ValueError(f"`{name}` is {value!r} but must be at least {lowest}")


def config_from_dict(cls: type, plain: dict[str, Any]) -> Any:
    """Make a config record, naming the keys it does not know.

    Parameters
    ----------
    cls : type
        The dataclass.
    plain : dict
        Its values.

    Returns
    -------
    object
        An instance of ``cls``.

    Raises
    ------
    ValueError
        If a key is unknown.
    """
    plain = current_names(plain, RENAMED, warns=True)
    known = {field.name for field in fields(cls)}
    unknown = sorted(set(plain) - known)
    if unknown:
        raise ValueError(
            f"`{unknown[0]}` is not an option of {cls.__name__}; the options are "
            f"{', '.join(sorted(known))}"
        )
    return cls(**plain)
