"""Validated records: every field's annotation holds its bounds, choices and group.

A record is a frozen dataclass that inherits from `Record`:

>>> from typing import Annotated, Literal
>>> import dataclasses
>>> from openmm_cgvae._runtime.rules import Limits
>>> @dataclasses.dataclass(frozen=True, kw_only=True)
... class Bath(Record):
...     '''A thermostat.
...
...     Parameters
...     ----------
...     temperature : float
...         Of the bath [K].
...     scheme : {"langevin", "andersen"}
...         How it acts.
...     '''
...
...     temperature: Annotated[float, Limits(positive=True, unit="K")] = 300.0
...     scheme: Literal["langevin", "andersen"] = "langevin"
>>> Bath(temperature=310)
Bath(temperature=310.0, scheme='langevin')
>>> Bath(temperature=-1.0)
Traceback (most recent call last):
ValueError: `temperature` is -1.0 but must be positive
"""

import inspect
import re
from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar, get_origin

from openmm_cgvae._runtime.deprecations import current_names
from openmm_cgvae._runtime.rules import Rule, rule_of

__all__ = ["Record", "rules_of"]

_AnyRecord = TypeVar("_AnyRecord", bound="Record")


class Record:
    """A frozen dataclass whose fields are checked by what their annotations say.

    A field of a number needs `Limits`, if only empty ones; words are a ``Literal`` or
    have `Choices`; functions in an annotation are called with the value and raise what
    they object to. Every field is described in the docstring.

    Raises
    ------
    TypeError
        If a class has a field without rules or description.
    """

    # Wrong values are refused here, by a sentence, not by a checker of types.
    __no_type_check__ = True
    # Old names of fields and the new ones.
    renamed: ClassVar[Mapping[str, str]] = {}
    _rules: ClassVar[dict[str, Rule]] = {}

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        described = _described_fields(cls.__doc__)
        # Python leaves all docstrings out where it is told to save them (-OO).
        lacking = "" if cls.__doc__ is None else None
        cls._rules = {
            name: rule_of(
                f"{cls.__name__}.{name}", annotation, described.get(name, lacking)
            )
            for name, annotation in cls.__annotations__.items()
            if get_origin(annotation) is not ClassVar
        }

    def __post_init__(self) -> None:
        """Validate the fields, one by one and then together."""
        for name, rule in self._rules.items():
            object.__setattr__(self, name, rule.checked(name, getattr(self, name)))
        self._check_together()

    def _check_together(self) -> None:
        """Check what the fields say of each other."""

    @classmethod
    def from_dict(cls: type[_AnyRecord], plain: dict[str, Any]) -> _AnyRecord:
        """Build a record of plain values.

        Parameters
        ----------
        plain : dict
            Values by the names of the fields; names of version 0.1 are read with a
            DeprecationWarning.

        Returns
        -------
        Record
            The record.

        Raises
        ------
        ValueError
            If a name is unknown or a value not possible.
        """
        plain = current_names(plain, cls.renamed, warns=True)
        unknown = sorted(set(plain) - set(cls._rules))
        if unknown:
            raise ValueError(
                f"`{unknown[0]}` is not an option of {cls.__name__}; the options are "
                f"{', '.join(sorted(cls._rules))}"
            )
        return cls(**plain)


def rules_of(record: type[Record]) -> dict[str, Rule]:
    """Return the rules of a record's fields by name.

    Parameters
    ----------
    record : type
        A class that inherits from `Record`.

    Returns
    -------
    dict of str to Rule
        The rules, in the order of the fields.
    """
    return dict(record._rules)


def _described_fields(docstring: str | None) -> Mapping[str, str]:
    """Read the descriptions of the fields from a numpydoc docstring."""
    text = inspect.cleandoc(docstring or "").partition("Parameters\n")[2]
    described = {}
    for names, body in re.findall(r"\n(\w[\w, ]*) : [^\n]*((?:\n {4}.*)+)", text):
        for name in names.split(", "):
            described[name] = " ".join(body.split())
    return described
