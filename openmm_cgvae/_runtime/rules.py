"""Rules of fields: bounds, choices, unit and group, as annotations state them."""

import dataclasses
import math
import numbers
from collections.abc import Callable, Collection, Iterable, Sequence
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

__all__ = [
    "Choices",
    "Count",
    "CountOrZero",
    "Dropout",
    "Group",
    "Limits",
    "NotNegative",
    "Positive",
    "Rule",
    "rule_of",
]

_WANTED: dict[type, str] = {
    bool: "a bool",
    str: "a string",
    dict: "a dict",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Limits:
    """Bounds of a number.

    Parameters
    ----------
    least, most : float, optional
        Smallest and largest value allowed.
    below : float, optional
        Value that is just too large.
    positive : bool
        Whether the number has to be more than zero.
    unit : str
        Of the number.
    advice : str
        What to do about a value out of bounds.

    Examples
    --------
    >>> Limits(least=1, most=5).violation(6)
    '1 to 5'
    """

    least: int | float | None = None
    most: int | float | None = None
    below: int | float | None = None
    positive: bool = False
    unit: str = ""
    advice: str = ""

    def violation(self, value: int | float) -> str | None:
        """Return what a value had to be; None where it is."""
        unit = f" {self.unit}" if self.unit else ""
        if self.positive and value <= 0:
            return "positive"
        if self.least is not None and value < self.least:
            return f"at least {self.least}{unit}"
        if self.most is not None and value > self.most:
            least = "" if self.least is None else f"{self.least} to "
            return f"{least or 'at most '}{self.most}{unit}"
        if self.below is not None and value >= self.below:
            return f"less than {_short(self.below)}{unit}"
        return None


@dataclasses.dataclass(frozen=True)
class Choices:
    """Words that a field may have, where they are not written as a ``Literal``.

    Parameters
    ----------
    words : tuple of str
        The words.
    more : function that returns a collection of str, optional
        Finds further words, where some are known at run time only.
    advice : str
        What to do about another word.
    """

    words: tuple[str, ...]
    more: Callable[[], Collection[str]] | None = None
    advice: str = ""

    def without(self, word: Any) -> tuple[str, ...]:
        """Return all possible words if a word is none of them, else nothing."""
        if word in self.words:
            return ()
        every = (*self.words, *(self.more() if self.more else ()))
        return () if word in every else every


@dataclasses.dataclass(frozen=True)
class Group:
    """Title under which the command line's help has a field."""

    title: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rule:
    """What the value of a field may be.

    Parameters
    ----------
    kind : type
        ``int``, ``float``, ``bool``, ``str`` or ``dict``: of the value, or of each of
        several. An int is a float, a bool is neither.
    is_several : bool
        Whether the field has a sequence of such values.
    is_optional : bool
        Whether it may be None.
    limits : Limits, optional
        Bounds of a number.
    choices : Choices, optional
        Words that are possible.
    checks : tuple of callable
        Functions that raise a sentence of their own for what cannot be.
    group : str
        Title of the group that the field belongs to.
    help : str
        Its description in the docstring of the record.
    """

    kind: type
    is_several: bool = False
    is_optional: bool = False
    limits: Limits | None = None
    choices: Choices | None = None
    checks: tuple[Callable[[Any], object], ...] = ()
    group: str = ""
    help: str = ""

    def checked(self, name: str, value: Any) -> Any:
        """Return a value with its numbers as int or float, or raise a sentence.

        Parameters
        ----------
        name : str
            Name of the field.
        value : object
            What came.

        Returns
        -------
        object
            The value.

        Raises
        ------
        ValueError
            If the field cannot have it.
        """
        if value is None and self.is_optional:
            return None
        if not self.is_several:
            return self._checked_one(name, value)
        if isinstance(value, str) or not isinstance(value, Sequence):
            raise ValueError(f"`{name}` is {value!r} but must be a tuple or a list")
        return tuple(self._checked_one(name, each) for each in value)

    def _checked_one(self, name: str, value: Any) -> Any:
        if self.choices is not None:
            self._check_choice(name, value, self.choices)
        elif self.kind in (int, float):
            value = self._checked_number(name, value)
        elif not isinstance(value, self.kind):
            raise ValueError(f"`{name}` is {value!r} but must be {_WANTED[self.kind]}")
        for check in self.checks:
            check(value)
        return value

    def _check_choice(self, name: str, value: Any, choices: Choices) -> None:
        words = choices.without(value)
        if words:
            has = "has" if self.is_several else "is"
            may = "may only have" if self.is_several else "must be one of"
            raise ValueError(
                f"`{name}` {has} {value!r} but {may} {', '.join(map(repr, words))}"
                + _after(choices.advice)
            )

    def _checked_number(self, name: str, value: Any) -> int | float:
        wanted = "a whole number" if self.kind is int else "a number"
        allowed = numbers.Integral if self.kind is int else numbers.Real
        if isinstance(value, bool) or not isinstance(value, allowed) or value != value:
            raise ValueError(f"`{name}` is {value!r} but must be {wanted}")
        if math.isinf(value):
            raise ValueError(f"`{name}` is {value!r} but must be finite")
        value = self.kind(value)
        violation = self.limits.violation(value) if self.limits else None
        if self.limits and violation:
            raise ValueError(
                f"`{name}` is {value!r} but must be {violation}"
                + _after(self.limits.advice)
            )
        return value


Count = Annotated[int, Limits(least=1)]
CountOrZero = Annotated[int, Limits(least=0)]
Positive = Annotated[float, Limits(positive=True)]
NotNegative = Annotated[float, Limits(least=0)]
Dropout = Annotated[float, Limits(least=0, below=1)]


def rule_of(name: str, annotation: Any, description: str | None) -> Rule:
    """Read the rules of a field from its annotation.

    Parameters
    ----------
    name : str
        Of the field, for messages.
    annotation : object
        The annotation.
    description : str or None
        Of the field; None where it has none.

    Returns
    -------
    Rule
        What a value may be.

    Raises
    ------
    TypeError
        If the annotation leaves open what a value may be, or there is no description.
    """
    kind, found, extra = _unwrapped(annotation)
    if description is None:
        raise TypeError(f"{name} is not described in the docstring of its class")
    rule = Rule(kind=kind, help=description, **found)
    for each in extra:
        if isinstance(each, Limits):
            rule = dataclasses.replace(rule, limits=each)
        elif isinstance(each, Choices):
            rule = dataclasses.replace(rule, choices=each)
        elif isinstance(each, Group):
            rule = dataclasses.replace(rule, group=each.title)
        else:
            rule = dataclasses.replace(rule, checks=(*rule.checks, each))
    has_bounds = rule.limits is not None or kind not in (int, float)
    if kind not in (int, float, *_WANTED) or not has_bounds:
        raise TypeError(f"{name} has no rules: {annotation}; give Limits or Choices")
    return rule


def _unwrapped(annotation: Any) -> tuple[Any, dict[str, Any], Iterable[Any]]:
    """Find the type of one value, what is around it, and what is said of it."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        kind, found, extra = _unwrapped(inner[0])
        return kind, found, [*extra, *inner[1:]]
    if origin in (Union, UnionType) and inner[1:] == (NoneType,):
        kind, found, extra = _unwrapped(inner[0])
        return kind, found | {"is_optional": True}, extra
    if origin in (tuple, Sequence):
        kind, found, extra = _unwrapped(inner[0])
        return kind, found | {"is_several": True}, extra
    if origin is Literal:
        return str, {}, [Choices(inner)]
    return origin or annotation, {}, []


def _after(advice: str) -> str:
    return f"; {advice}" if advice else ""


def _short(number: int | float) -> str:
    """Write a large power of two as one.

    >>> _short(2**63), _short(1)
    ('2**63', '1')
    """
    is_power = isinstance(number, int) and number > 2**20 and not number & (number - 1)
    return f"2**{int(number).bit_length() - 1}" if is_power else str(number)
