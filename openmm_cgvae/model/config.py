"""ModelConfig: sizes and forms of the networks, in groups, each field with its rule."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from typing import Annotated, ClassVar, Literal

from openmm_cgvae._runtime import plugins
from openmm_cgvae._runtime.records import Record
from openmm_cgvae._runtime.rules import (
    Choices,
    Dropout,
    Group,
    Limits,
)

__all__ = [
    "BASELINES",
    "AtomTypes",
    "Decoder",
    "Encoder",
    "Likelihood",
    "Messages",
    "MethylLabels",
    "ModelConfig",
    "PriorForm",
    "PriorInput",
]

Encoder = Literal["distances", "signed", "bonded_frames"]
Decoder = Literal["vectors", "local_frames", "bonded_frames"]
PriorInput = Literal["types", "bonded_frames"]
PriorForm = Literal["gaussian", "flow"]
Messages = Literal["product", "sender", "oriented"]
Likelihood = Literal["fixed", "learned"]
AtomTypes = Literal["element", "identity"]
MethylLabels = Literal["as_given", "canonical"]

BASELINES = ("linear", "mlp")
# What a baseline has of the settings.
_OF_BASELINES = ("model", "keeps_beads", "methyl_labels", "atom_types")

_GENERAL = Group("general")
_GRAPHS = Group("graphs and messages")
_ENCODER = Group("encoder")
_PRIOR = Group("prior")
_DECODER = Group("decoder")
_LABELS = Group("labels of the data")

# Every number has an upper bound: files of others are read into this record.
_Width = Annotated[int, Limits(least=1, most=2**14)]
_Few = Annotated[int, Limits(least=1, most=2**8)]
_FewOrNone = Annotated[int, Limits(least=0, most=2**8)]
_Cutoff = Annotated[float, Limits(positive=True, most=1000.0, unit="Å")]
_Degree = Annotated[float, Limits(positive=True, most=1e6)]
_Factor = Annotated[float, Limits(positive=True, most=1000.0)]


def _plugged_in() -> Collection[str]:
    """Return the names of models of other packages."""
    return tuple(plugins.registered(plugins.MODELS))


_MODELS = Choices(("cgvae", *BASELINES), more=_plugged_in)


@dataclass(frozen=True, kw_only=True)
class ModelConfig(Record):
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
        Cutoffs of the atom and bead graphs [Å].
    encoder : {"distances", "signed", "bonded_frames"}
        The paper's encoder sees distances alone; the signed one also sees the chirality
        of a bead; the last describes atoms in local frames made from the beads that a
        bead is bonded to.
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
    n_codes, n_subcodes : int
        Conformations in the codebook of each type of bead, and in how many each of
        these is divided, see `openmm_cgvae.model.codebook`: a discrete latent of every
        bead, beside the continuous ones (oriented messages only). None in the paper.
    prior_temperature : float
        Factor on the standard deviation of the latents that are drawn from the prior. A
        prior is too narrow for beads unlike those it has seen; training can fit this,
        see `TrainingConfig`.
    messages : {"product", "sender", "oriented"}
        Whether L4 acts on h_i * h_j, as printed, or on h_j alone, which costs one
        network call a node instead of one an edge; or on h_j with a filter that sees
        where the neighbour is in the local frame of the bead (bonded frames only).
    message_dropout : float
        Fraction of the neighbours whose messages are left out in a step of training,
        others each time (oriented messages only), against overfitting to the training
        molecules.
    likelihood : {"fixed", "learned"}
        Squared errors as printed, or a Gaussian with a learned variance for each
        type of atom.
    atom_types : {"element", "identity"}
        What the embeddings of the atoms tell apart.
    pseudoscalar_init : float
        Value of the pseudoscalars before the first layer. Zero makes the decoder
        blind to chirality; the paper takes one for three beads.
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
        Steps of geometry refinement, which take strain and clashes off samples, see
        `openmm_cgvae.model.refinement`; none in the paper.
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

    model: Annotated[str, _MODELS, _GENERAL] = "cgvae"
    n_channels: Annotated[_Width, _GENERAL] = 600
    n_latents: Annotated[int, Limits(least=0, most=2**14), _GENERAL] = 0
    likelihood: Annotated[Likelihood, _GENERAL] = "fixed"

    n_radial: Annotated[_Few, _GRAPHS] = 8
    atom_cutoff: Annotated[_Cutoff, _GRAPHS] = 8.5
    bead_cutoff: Annotated[_Cutoff, _GRAPHS] = 9.5
    messages: Annotated[Messages, _GRAPHS] = "product"
    message_dropout: Annotated[Dropout, _GRAPHS] = 0.0
    normalises_sums: Annotated[bool, _GRAPHS] = False
    atom_degree: Annotated[_Degree, _GRAPHS] = 1.0
    pool_degree: Annotated[_Degree, _GRAPHS] = 1.0
    bead_degree: Annotated[_Degree, _GRAPHS] = 1.0

    encoder: Annotated[Encoder, _ENCODER] = "distances"
    encoder_layers: Annotated[_FewOrNone, _ENCODER] = 4

    prior_input: Annotated[PriorInput, _PRIOR] = "types"
    prior_layers: Annotated[_FewOrNone, _PRIOR] = 4
    prior: Annotated[PriorForm, _PRIOR] = "gaussian"
    flow_layers: Annotated[_Few, _PRIOR] = 4
    prior_temperature: Annotated[_Factor, _PRIOR] = 1.0
    n_codes: Annotated[_FewOrNone, _PRIOR] = 0
    n_subcodes: Annotated[_Few, _PRIOR] = 1

    decoder: Annotated[Decoder, _DECODER] = "vectors"
    decoder_layers: Annotated[_Few, _DECODER] = 5
    n_frames_of_bead: Annotated[_Few, _DECODER] = 4
    pseudoscalar_init: Annotated[float, Limits(least=-1e6, most=1e6), _DECODER] = 0.0
    mixes_vectors: Annotated[bool, _DECODER] = False
    refinement_steps: Annotated[int, Limits(least=0, most=10_000), _DECODER] = 0
    keeps_beads: Annotated[bool, _DECODER] = True

    atom_types: Annotated[AtomTypes, _LABELS] = "element"
    methyl_labels: Annotated[MethylLabels, _LABELS] = "as_given"

    renamed: ClassVar[Mapping[str, str]] = {
        "settling_steps": "refinement_steps",
        "prior_widening": "prior_temperature",
    }

    def _check_together(self) -> None:
        """Check that every setting changes something for this model."""
        if self.model == "cgvae":
            if not self.keeps_beads:
                raise ValueError(
                    "`keeps_beads` is False but a CGVAE always keeps them; leave it out"
                )
            self._check_oriented()
            self._check_codes()
        if self.model not in BASELINES:
            return
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name not in _OF_BASELINES and value != field.default:
                raise ValueError(
                    f"`{field.name}` is {value!r} but the baseline {self.model!r} has "
                    f"no such setting, only {', '.join(_OF_BASELINES[1:])}; leave it "
                    "out"
                )

    def _check_oriented(self) -> None:
        """Check that beads have the frames of oriented messages, and their dropout."""
        if self.message_dropout and self.messages != "oriented":
            raise ValueError(
                f"`message_dropout` is {self.message_dropout} but messages are "
                f"{self.messages!r}, which have none; leave it out"
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

    def _check_codes(self) -> None:
        """Check that codes have the frames and messages that they need."""
        if self.n_codes and self.messages != "oriented":
            raise ValueError(
                f"`n_codes` is {self.n_codes} but messages are {self.messages!r}, "
                "whose beads have no codes; make them 'oriented', or leave it out"
            )
        if self.n_codes and self.likelihood != "fixed":
            raise ValueError(
                f"`n_codes` is {self.n_codes} but the likelihood is "
                f"{self.likelihood!r}; make it 'fixed', or leave it out"
            )
        if self.n_subcodes > 1 and not self.n_codes:
            raise ValueError(
                f"`n_subcodes` is {self.n_subcodes} but there are no codes to divide; "
                "give n_codes, or leave it out"
            )

    @property
    def latents_of_bead(self) -> int:
        """Number of continuous latents of every bead."""
        return self.n_latents or self.n_channels

    @property
    def codes_of_bead(self) -> int:
        """Number of discrete latents of every bead: a code and a subcode, or none."""
        return 2 if self.n_codes else 0
