"""Values reach the database as bound parameters; SQL put together from text is on a list."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

import strikewire.store

STORE = Path(strikewire.store.__file__).parent
#: Beginnings of statements and of clauses, as we write them.
SQL = re.compile(
    r"\b(SELECT|INSERT INTO|UPDATE|DELETE FROM|CREATE|ALTER|DROP|LOCK|COPY|TRUNCATE|COMMENT ON"
    r"|WHERE|ORDER BY|SET)\b"
)
#: How often a module formats SQL, and what it puts in: names of our own, never what somebody sent.
REVIEWED = {
    # The database's own name, a constant: CREATE DATABASE takes no parameter.
    "embedded/server.py": 1,
    # A message, not a statement.
    "copy.py": 1,
    # Patterns that statements of migrations are held to.
    "migration_lint.py": 2,
    # Parts of the search's query, constants of the module.
    "instrument_search.py": 2,
    # The version table's name, a constant, and a comment that is quoted: DDL has no parameters.
    "migrate.py": 2,
    # A partition's name and bounds, from a date that is one: DDL has no parameters.
    "partitions.py": 2,
}


def is_formatted(node: ast.AST) -> bool:
    """Say whether a string is put together from parts: f"", %, +, .format, .join."""
    match node:
        case ast.JoinedStr():
            return any(isinstance(each, ast.FormattedValue) for each in node.values)
        case ast.BinOp(op=ast.Add() | ast.Mod()):
            return any(isinstance(each, ast.Constant) for each in (node.left, node.right))
        case ast.Call(func=ast.Attribute(attr="format" | "join", value=ast.Constant())):
            return True
    return False


def count_formatted_sql(source: str) -> int:
    tree = ast.parse(source)
    found = 0
    for node in ast.walk(tree):
        if is_formatted(node):
            literals = (each.value for each in ast.walk(node) if isinstance(each, ast.Constant))
            text = " ".join(each for each in literals if isinstance(each, str))
            found += bool(SQL.search(text))
    return found


@pytest.mark.promise("S22")
def test_formatted_sql_is_on_the_reviewed_list():
    found = Counter()
    for path in STORE.rglob("*.py"):
        count = count_formatted_sql(path.read_text())
        if count and "migrations" not in path.parts:
            found[str(path.relative_to(STORE))] = count

    assert dict(found) == REVIEWED


@pytest.mark.promise("S22")
@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("query = f\"SELECT * FROM t WHERE n = '{name}'\"", 1),
        ("query = 'SELECT * FROM t WHERE n = ' + name", 1),
        ("query = 'DELETE FROM t WHERE n = %s' % name", 1),
        ("query = 'UPDATE t SET n = {}'.format(name)", 1),
        ("query = ' WHERE '.join(parts)", 1),
        ("query = 'SELECT * FROM t WHERE n = :name'", 0),
        ("message = f'select a day, was {day}'", 0),
    ],
)
def test_check_finds_what_it_is_there_to_find(source, count):
    assert count_formatted_sql(source) == count
