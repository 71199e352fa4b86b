"""Options that several commands have."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

import click

P = ParamSpec("P")
T = TypeVar("T")


def reaches_database(command: Callable[P, T]) -> Callable[P, T]:
    """Add the options that say which database, and how to answer."""
    for option in (
        click.option("--json", "is_json", is_flag=True, help="Answer in JSON."),
        click.option("--data-dir", type=click.Path(file_okay=False, path_type=Path), default=None),
        click.option(
            "--database-url", default=None, help="Another PostgreSQL than the embedded one."
        ),
    ):
        command = option(command)
    return command
