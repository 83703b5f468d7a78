"""Options of the command line made of the fields of records, grouped as these are."""

import argparse
import dataclasses
from collections.abc import Collection, Mapping
from typing import Any

from openmm_cgvae._runtime.records import Record, rules_of
from openmm_cgvae._runtime.rules import Rule
from openmm_cgvae.cli.options import Arguments, add_old_flag, add_option, given_for

__all__ = ["add_fields", "given_fields"]

_METAVARS: dict[Any, str] = {int: "N", float: "X", str: "NAME"}


def add_fields(
    parser: argparse.ArgumentParser,
    record: type[Record],
    title: str = "",
    *,
    without: Collection[str] = (),
    flags: Mapping[str, str] | None = None,
) -> None:
    """Add an option for every field of a record, helped by its docstring.

    Parameters
    ----------
    parser : ArgumentParser
        Gets the options, and a group of them for each group of fields.
    record : type
        The record.
    title : str
        Of the groups, before their own. Without one, fields are options of the parser
        itself and their defaults are shown; with one, a preset decides.
    without : collection of str
        Fields that are left out.
    flags : mapping of str to str, optional
        Names of options that are not those of their fields.
    """
    groups: dict[str, Any] = {}
    actions = {}
    for field in dataclasses.fields(record):  # type: ignore[arg-type]
        rule = rules_of(record)[field.name]
        if field.name in without:
            continue
        if title and rule.group not in groups:
            heading = f"{title}: {rule.group}, if other than the preset"
            groups[rule.group] = parser.add_argument_group(heading)
        actions[field.name] = add_option(
            groups.get(rule.group, parser),
            (flags or {}).get(field.name, "--" + field.name.replace("_", "-")),
            target_of(record),
            rule.help.replace("%", "%%"),
            shown=None if title else _default_of(field),
            **_settings(field.name, rule),
        )
    for old, new in record.renamed.items():
        if new in actions:
            flag = "--" + old.replace("_", "-")
            add_old_flag(parser, flag, actions[new])


def given_fields(arguments: Arguments, record: type[Record]) -> dict[str, Any]:
    """Return those fields of a record that the command line sets."""
    return given_for(arguments, target_of(record))


def target_of(record: type[Record]) -> str:
    """Return the path of a record in the package."""
    return f"{record.__module__}.{record.__name__}".partition(".")[2]


def _default_of(field: "dataclasses.Field[Any]") -> Any:
    return None if field.default is dataclasses.MISSING else field.default


def _settings(name: str, rule: Rule) -> dict[str, Any]:
    """Return the settings of ``add_argument`` for a field."""
    settings: dict[str, Any] = {"dest": name}
    if rule.is_several:
        settings["nargs"] = "+"
    if rule.kind is bool:
        settings["action"] = argparse.BooleanOptionalAction
    elif rule.choices and not rule.choices.more:
        settings["choices"] = rule.choices.words
    else:
        settings["type"] = rule.kind
        settings["metavar"] = _METAVARS[rule.kind]
    return settings
