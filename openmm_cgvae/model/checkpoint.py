"""The model file: weights in safetensors, and a JSON header with all else."""

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from openmm_cgvae._runtime.atomic_files import written_whole
from openmm_cgvae._runtime.deprecations import current_names
from openmm_cgvae._runtime.printable import printable
from openmm_cgvae._runtime.version import __version__
from openmm_cgvae.mapping import Mapping
from openmm_cgvae.model import (
    CGVAE,
    GeometryStatistics,
    Model,
    ModelConfig,
    Molecule,
    TransferableModel,
    make_model,
)
from openmm_cgvae.model.codebook import Codebook
from openmm_cgvae.model.header_checks import check_atoms, check_words
from openmm_cgvae.molecules import AtomTable

__all__ = ["FORMAT", "HEADER_KEY", "SUFFIX", "load_file", "read_header", "save_model"]

FORMAT = 1
HEADER_KEY = "openmm_cgvae"
SUFFIX = ".cgvae"
# Layers of a config that has none of its own, as those of the baselines.
DEEPEST_DEFAULT = ModelConfig().decoder_layers


def save_model(
    model: Model | TransferableModel,
    path: str | os.PathLike[str],
    *,
    half_precision: bool = False,
) -> Path:
    """Write a model, with all that is needed to use it, to one file.

    Parameters
    ----------
    model : Model or TransferableModel
        The model. Of one that a model of many molecules made, that model is written.
    path : path-like
        The file, customarily ``*.cgvae``.
    half_precision : bool
        Whether weights are rounded to float16, which halves the file; they are float32
        again when it is read.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    TypeError
        If its provenance is not of plain JSON types.
    """
    target = Path(path)
    if isinstance(model, CGVAE) and isinstance(model.origin, TransferableModel):
        model = model.origin
    tensors = {
        name: tensor.detach().cpu().contiguous()
        for name, tensor in model.state_dict().items()
    }
    if half_precision:
        tensors = {
            name: tensor.half() if tensor.is_floating_point() else tensor
            for name, tensor in tensors.items()
        }
    header = {
        "format": FORMAT,
        "version": __version__,
        "units": {"length": "angstrom"},
        "config": asdict(model.config),
        "vocabulary": list(model.vocabulary),
        **_what_it_is_for(model),
        "provenance": model.provenance,
        "weights_sha256": hash_of_weights(tensors),
    }
    header["header_sha256"] = _digest_of_header(header)
    content = save(tensors, metadata={HEADER_KEY: json.dumps(header)})
    target.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(target) as unfinished:
        unfinished.write_bytes(content)
    return target


def read_header(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read what a model file says of itself, without its weights.

    Parameters
    ----------
    path : path-like
        A model file.

    Returns
    -------
    dict
        Format, version, config, vocabulary, atom table, mapping and provenance.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not a model file or from a newer version.
    """
    with _opened(path) as file:
        return _header(file, Path(path))


def load_file(path: str | os.PathLike[str]) -> Model | TransferableModel:
    """Read a model from a file; nothing in the file is executed.

    Parameters
    ----------
    path : path-like
        A model file.

    Returns
    -------
    Model or TransferableModel
        The model, in evaluation mode: of one molecule, ready to sample, or of many, see
        `TransferableModel.for_molecule`.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is damaged, not a model, or from a newer version.
    """
    source = Path(path)
    with _opened(source) as file:
        header = _header(file, source)
        names = {_current_name(name): name for name in file.keys()}  # noqa: SIM118
        shapes = {name: file.get_slice(old).get_shape() for name, old in names.items()}
        try:
            options = current_names(header["config"], ModelConfig.renamed, warns=False)
            config = ModelConfig.from_dict(options)
            build = _recipe(config, header)
            _check_shapes(config, build, shapes)
            model = build()
            if isinstance(model, Model):
                model.graph()  # raises where atoms, beads and words do not fit together
            weights = {n: file.get_tensor(old) for n, old in names.items()}
            _load_weights(model, weights)
            as_written = {
                old: model.state_dict()[n].to(weights[n].dtype)
                for n, old in names.items()
            }
            if hash_of_weights(as_written) != header["weights_sha256"]:
                raise ValueError("the weights are not those that were written")
        except _NO_MODEL as error:
            raise ValueError(
                f"`path` is {source}, whose header and tensors do not make a model "
                f"({printable(error)}); get the file again"
            ) from error
    return model.eval()


# What torch and the records raise on nonsense, sizes beyond 64 bits included.
_NO_MODEL = (
    AttributeError,
    KeyError,
    OverflowError,
    RuntimeError,
    SafetensorError,
    TypeError,
    ValueError,
)


def _current_name(name: str) -> str:
    """Return the name of a tensor that version 0.1 called otherwise."""
    first, _, rest = name.partition(".")
    return f"refinement.{rest}" if first == "settling" else name


def _opened(path: str | os.PathLike[str]) -> Any:
    source = Path(path)
    if not source.is_file():
        raise FileNotFoundError(
            f"`path` is {source}, which is not a file; list_models() names the "
            "models that ship with the package"
        )
    try:
        return safe_open(source, framework="pt")
    except (SafetensorError, OSError) as error:
        raise ValueError(
            f"`path` is {source}, which is not a complete model file "
            f"({printable(error)}); get the file again"
        ) from error


def _header(file: Any, source: Path) -> dict[str, Any]:
    text = (file.metadata() or {}).get(HEADER_KEY)
    if text is None:
        raise ValueError(
            f"`path` is {source}, a safetensors file without the header of a model; "
            "give a file that save_model wrote"
        )
    try:
        header = json.loads(text)
        number = header["format"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(
            f"`path` is {source}, whose header cannot be read ({printable(error)}); "
            "get the file again"
        ) from error
    if number != FORMAT:
        raise ValueError(
            f"`path` is {source}, a model file of format {number!r}, but this version "
            f"reads format {FORMAT}; update openmm_cgvae"
        )
    if header.pop("header_sha256", None) != _digest_of_header(header):
        raise ValueError(
            f"`path` is {source}, whose header was changed after it was written; "
            "get the file again"
        )
    return header


def _check_shapes(
    config: ModelConfig,
    build: Callable[[], Model | TransferableModel],
    shapes: dict[str, list[int]],
) -> None:
    """Check that the network is the one in the file, before it is built."""
    deepest = max(config.encoder_layers, config.prior_layers, config.decoder_layers)
    if deepest > max(len(shapes), DEEPEST_DEFAULT):
        raise ValueError(f"the header asks for {deepest} layers")
    with torch.device("meta"):
        described = build().state_dict()
    wanted = {name: list(tensor.shape) for name, tensor in described.items()}
    if wanted != shapes:
        names = sorted(set(wanted) ^ set(shapes)) or [
            name for name in wanted if wanted[name] != shapes[name]
        ]
        raise ValueError(f"the tensor {names[0]} is missing, unknown or misshapen")


def _load_weights(
    model: Model | TransferableModel, weights: dict[str, torch.Tensor]
) -> None:
    for name, wanted in model.state_dict().items():
        is_half = (weights[name].dtype, wanted.dtype) == (torch.float16, torch.float32)
        if weights[name].dtype != wanted.dtype and not is_half:
            raise ValueError(f"the tensor {name} is of type {weights[name].dtype}")
        if not torch.isfinite(weights[name]).all():
            raise ValueError(f"the tensor {name} holds values that are not numbers")
    model.load_state_dict(weights)


def _digest_of_header(header: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(header).encode()).hexdigest()


def hash_of_weights(tensors: dict[str, torch.Tensor]) -> str:
    """Compute the SHA-256 of names and values of weights, in the order of the names.

    Parameters
    ----------
    tensors : dict of str to Tensor
        The weights, as ``model.state_dict()`` has them.

    Returns
    -------
    str
        The hash, in hexadecimal digits.

    Examples
    --------
    >>> hash_of_weights({"weight": torch.zeros(2)})[:8]
    '3688caee'
    """
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _what_it_is_for(model: Model | TransferableModel) -> dict[str, Any]:
    """Describe the molecule of a model, or the beads and types of one for many."""
    if isinstance(model, TransferableModel):
        # The words of format 1, which files of any version are read by.
        known: dict[str, Any] = {
            "beads": model.bead_family,
            "pairs": model.geometry.pairs,
            "centres": model.geometry.stereocentres,
        }
        if model.codebook is not None:
            known["bead_types"] = model.codebook.bead_types
        return {"atom_table": None, "mapping": None, "kinds": known}
    return {
        "atom_table": model.atom_table.to_dict(),
        "mapping": model.mapping.to_dict(),
    }


def _recipe(
    config: ModelConfig, header: dict[str, Any]
) -> Callable[[], Model | TransferableModel]:
    """Read from a header how to build its network, with random weights."""
    vocabulary, provenance = header["vocabulary"], header["provenance"]
    check_words(vocabulary, "vocabulary")
    if not isinstance(provenance, dict):
        raise ValueError("the provenance is not a record")
    if "kinds" not in header:
        table = AtomTable.from_dict(header["atom_table"])
        mapping = Mapping.from_dict(header["mapping"])
        check_atoms(table)
        check_words(mapping.bead_names, "bead names")
        molecule = Molecule(table, mapping)
        return lambda: make_model(config, vocabulary, molecule, provenance)
    known = header["kinds"]
    family, pairs, centres = known["beads"], known["pairs"], known["centres"]
    check_words([family], "family of beads")
    check_words(pairs, "atom-pair types")
    check_words(centres, "types of stereocentres")
    bead_types = known.get("bead_types", [])
    if not isinstance(bead_types, list):
        raise ValueError("the types of beads are not a list")
    for bead_type in bead_types:
        check_words(bead_type, "words of a type of bead")

    def build() -> TransferableModel:
        geometry = GeometryStatistics(tuple(pairs), tuple(centres))
        codebook = None
        if config.n_codes:
            sizes = config.n_codes, config.n_subcodes
            codebook = Codebook(map(tuple, bead_types), vocabulary, *sizes)
        return TransferableModel(
            config, vocabulary, family, geometry, provenance, codebook=codebook
        )

    return build
