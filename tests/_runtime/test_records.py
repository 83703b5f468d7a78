"""Every field of every record refuses wrong types and values out of bounds."""

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import pytest

from openmm_cgvae._runtime.records import Record, rules_of
from openmm_cgvae._runtime.rules import Choices, Count, Group, Limits
from openmm_cgvae.evaluation.experiments import BenchmarkConfig
from openmm_cgvae.model import ModelConfig
from openmm_cgvae.simulation.molecule_sets.short_dynamics import Dynamics
from openmm_cgvae.simulation.reference.settings import SimulationConfig
from openmm_cgvae.structures.dynamics.solvation import Solvent
from openmm_cgvae.training import TrainingConfig

RECORDS = {
    ModelConfig: {},
    TrainingConfig: {},
    Solvent: {},
    BenchmarkConfig: {"system": "alanine-dipeptide"},
    Dynamics: {
        "minimiser_iterations": 1,
        "equilibration_ps": 1.0,
        "interval_ps": 1.0,
        "n_frames": 1,
    },
    SimulationConfig: {
        "system": "chignolin",
        "n_frames": 4,
        "interval_ps": 1.0,
        "temperature": [300.0],
        "n_walkers": 2,
        "seed": 0,
        "platform": "Reference",
    },
}
EVERY_FIELD = [
    pytest.param(record, name, id=f"{record.__name__}.{name}")
    for record in RECORDS
    for name in rules_of(record)
]
OF_ANOTHER_TYPE = {
    int: [2.5, "2", True, math.nan, object()],
    float: ["2", True, math.nan, math.inf, -math.inf, 1j],
    bool: [1, 0, "yes"],
    str: [5, b"bytes", object()],
    dict: [5, "words", ()],
}


def out_of_bounds(rule):
    """Values of the right type that the rule excludes, and what they had to be."""
    limits = rule.limits
    if rule.choices:
        return [("no such word", f"'{rule.choices.words[0]}'")]
    # Functions that check know what they want.
    found = [(0.0 if rule.kind is float else "?", "") for _ in rule.checks]
    if limits is None:
        return found
    if limits.positive:
        found += [(0, "positive"), (-1, "positive")]
    if limits.least is not None:
        found += [(limits.least - 1, f"at least {limits.least}")]
    if limits.most is not None:
        from_least = "at most" if limits.least is None else f"{limits.least} to"
        found += [(limits.most + 1, f"{from_least} {limits.most}")]
    if limits.below is not None:
        found += [(limits.below, "less than"), (limits.below + 1, "less than")]
    return found


def of_field(record, name, value):
    """A record with this value in its field, or in the only place of its sequence."""
    if rules_of(record)[name].is_several:
        value = (value,)
    return record(**(RECORDS[record] | {name: value}))


@pytest.mark.parametrize(("record", "name"), EVERY_FIELD)
def test_values_of_another_type_are_refused(record, name):
    rule = rules_of(record)[name]
    for value in OF_ANOTHER_TYPE[rule.kind]:
        with pytest.raises(ValueError, match=f"^`{name}` (is|has) .* but "):
            of_field(record, name, value)
    if not rule.is_optional:
        with pytest.raises(ValueError, match=f"^`{name}` (is|has) None but "):
            of_field(record, name, None)
    if rule.is_several:
        with pytest.raises(ValueError, match=f"^`{name}` is 'ab' but must be a tuple"):
            record(**(RECORDS[record] | {name: "ab"}))


@pytest.mark.parametrize(("record", "name"), EVERY_FIELD)
def test_values_out_of_bounds_are_refused(record, name):
    for value, wanted in out_of_bounds(rules_of(record)[name]):
        with pytest.raises(ValueError, match=f"^`{name}` (is|has) .* but .*{wanted}"):
            of_field(record, name, value)


@pytest.mark.parametrize(("record", "name"), EVERY_FIELD)
def test_fields_are_described_with_their_unit(record, name):
    rule = rules_of(record)[name]
    assert rule.help
    if rule.limits and rule.limits.unit:
        assert f"[{rule.limits.unit}]" in rule.help


@pytest.mark.parametrize("record", RECORDS)
def test_every_field_has_a_rule(record):
    assert [field.name for field in fields(record)] == list(rules_of(record))


@pytest.mark.parametrize("record", RECORDS)
def test_plain_values_come_back(record):
    one = record(**RECORDS[record])
    again = record.from_dict(copy.deepcopy(vars(one)))
    assert again == one


@pytest.mark.parametrize("record", [ModelConfig, TrainingConfig])
def test_old_names_are_read_with_a_warning(record):
    for old, new in record.renamed.items():
        value = getattr(record(), new)
        with pytest.warns(DeprecationWarning, match=f"`{old}` is now `{new}`"):
            assert record.from_dict({old: value}) == record()


@dataclass(frozen=True, kw_only=True)
class Sample(Record):
    """A record with every kind of field.

    Parameters
    ----------
    n, more : int
        Counts.
    length : float, optional
        A length [Å].
    times : sequence of float
        Times.
    word, other : str
        Words.
    """

    n: Annotated[Count, Group("numbers")] = 1
    more: Annotated[int, Limits(most=2**63, below=2**62)] = 0
    length: Annotated[float, Limits(least=1.5, unit="Å", advice="try 2")] | None = None
    times: Sequence[Annotated[float, Limits(least=0)]] = ()
    word: Literal["a", "b"] = "a"
    other: Annotated[str, Choices(("c",), more=lambda: ("d",))] = "c"

    note: ClassVar[str] = "not a field"


class TestRules:
    def test_numbers_become_those_of_python(self):
        sample = Sample(n=np.int64(3), length=np.float32(2.0), times=[1, np.float64(2)])
        assert (type(sample.n), type(sample.length)) == (int, float)
        assert [type(time) for time in sample.times] == [float, float]

    def test_sequences_become_tuples(self):
        assert Sample(times=[1]).times == Sample(times=(1.0,)).times == (1.0,)

    @pytest.mark.parametrize("other", ["c", "d"])
    def test_words_known_at_run_time_are_taken(self, other):
        assert Sample(other=other).other == other

    @pytest.mark.parametrize(
        ("values", "message"),
        [
            ({"n": 0}, "`n` is 0 but must be at least 1$"),
            (
                {"more": 2**62},
                r"`more` is 461.*904 but .* less than 2\*\*62",
            ),
            ({"length": 1}, "`length` is 1.0 but must be at least 1.5 Å; try 2$"),
            ({"times": [1, -1]}, "`times` is -1.0 but must be at least 0$"),
            ({"times": 1.0}, "`times` is 1.0 but must be a tuple or a list$"),
            ({"word": "c"}, "`word` is 'c' but must be one of 'a', 'b'$"),
            ({"word": ["a"]}, r"`word` is \['a'\] but must be one of 'a', 'b'$"),
            ({"other": "e"}, "`other` is 'e' but must be one of 'c', 'd'$"),
        ],
    )
    def test_sentences(self, values, message):
        with pytest.raises(ValueError, match=message):
            Sample(**values)

    def test_groups_and_descriptions_are_found(self):
        rules = rules_of(Sample)
        assert (rules["n"].group, rules["more"].group) == ("numbers", "")
        assert rules["n"].help == rules["more"].help == "Counts."
        assert "note" not in rules


class TestFieldsWithoutRules:
    @pytest.mark.parametrize(
        "annotation", [int, float, int | None, tuple[float, ...], list, Any, int | str]
    )
    def test_cannot_exist(self, annotation):
        body = {
            "__annotations__": {"x": annotation},
            "__doc__": "R.\n\nParameters\n----------\nx : any\n    A value.\n",
        }
        with pytest.raises(TypeError, match=r"R\.x has no rules"):
            type("R", (Record,), body)

    def test_nor_without_a_description(self):
        body = {"__annotations__": {"x": bool}, "__doc__": "R."}
        with pytest.raises(TypeError, match=r"R\.x is not described in the docstring"):
            type("R", (Record,), body)
