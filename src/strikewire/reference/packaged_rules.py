"""The rows that come with the package: `rules/*.toml`, each with its source.

A table may name several `venues`, and a list of `days` instead of `valid_from`: it stands for one
row of each. Files are read in the order of their names, and of two rows of the same venue, kind and
first day the later counts: what is written by hand (`sessions`, `special_days`) over what was
seeded from a calendar library (`seeded_...`).
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from importlib import resources
from typing import Any, Final

from strikewire.core.errors import InvalidInputError
from strikewire.reference.market_rule import MarketRule

#: The layout of the files; a file of another is refused.
RULES_FORMAT: Final = 1


def load_packaged_rules() -> tuple[MarketRule, ...]:
    """Read the rows that come with the package.

    Raises
    ------
    InvalidInputError : a file is of another format.
    """
    folder = resources.files("strikewire.reference") / "rules"
    rules: list[MarketRule] = []
    for file in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if file.name.endswith(".toml"):
            document = tomllib.loads(file.read_text(encoding="utf-8"))
            found = document.get("format")
            if found != RULES_FORMAT:
                msg = f"{file.name}: format {RULES_FORMAT} was wanted, found {found}"
                raise InvalidInputError(msg)
            for table in document["rules"]:
                rules.extend(_expand(table))
    return tuple(rules)


def _expand(table: dict[str, Any]) -> Iterator[MarketRule]:
    venues = table["venues"] if "venues" in table else [table["venue"]]
    days = table["days"] if "days" in table else [table["valid_from"]]
    for venue in venues:
        for day in days:
            yield MarketRule(
                venue=venue,
                kind=table["kind"],
                valid_from=day,
                valid_to=table.get("valid_to"),
                value=table.get("value", {}),
                source=table["source"],
            )
