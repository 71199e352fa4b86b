"""A linter for revisions: what must not be done to a database that is in use.

Each revision is rendered as SQL, without a database, and its statements are read. What is refused
stands in the rules below, with what to do instead. A table that the revision itself has made is
nobody's yet, and anything may be done to it.

A revision says what it is in `phase`: `expand` (the default: the program before it runs on its
schema) or `contract` (it takes away what no program needs any more). A rule that does not hold for
it is named in `allowed`, with the reason: `allowed = {"rewrites-table": "a table of ten rows"}`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from io import StringIO
from pathlib import Path
from typing import Any, Final, Literal

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import Script, ScriptDirectory

Phase = Literal["expand", "contract"]
_PHASES: Final = ("expand", "contract")

_TABLE: Final = r'(?:ONLY )?(?:IF EXISTS )?(?P<table>[\w."]+)'
_ALTER: Final = re.compile(rf"ALTER TABLE {_TABLE} (?P<actions>.*)", re.IGNORECASE)
_CREATE_TABLE: Final = re.compile(
    r'CREATE (?:UNLOGGED )?TABLE (?:IF NOT EXISTS )?(?P<table>[\w."]+)', re.IGNORECASE
)
_CREATE_INDEX: Final = re.compile(
    r"CREATE (?:UNIQUE )?INDEX (?P<mode>CONCURRENTLY )?"
    r'(?:IF NOT EXISTS )?(?:\S+ )?ON (?P<only>ONLY )?(?P<table>[\w."]+)',
    re.IGNORECASE,
)
_OTHER: Final = re.compile(
    r"(?:INSERT INTO|UPDATE|DELETE FROM|MERGE INTO|TRUNCATE(?: TABLE)?|DROP TABLE|DROP INDEX"
    r"|DROP VIEW|LOCK TABLE|VACUUM(?: \(?FULL\)?)?|CLUSTER|REINDEX TABLE|REFRESH MATERIALIZED VIEW)"
    rf" {_TABLE}",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Finding:
    """A statement that must not be in a revision, and what to do instead."""

    revision: str
    rule: str
    statement: str
    advice: str

    def __str__(self) -> str:
        return f"{self.revision}: {self.rule}: {self.statement}: {self.advice}"


@dataclass(frozen=True, slots=True)
class _Rule:
    """A pattern of one statement, or of one action of an ALTER TABLE."""

    name: str
    pattern: re.Pattern[str]
    advice: str
    is_contract: bool = False


def _rule(name: str, pattern: str, advice: str, *, is_contract: bool = False) -> _Rule:
    return _Rule(name, re.compile(pattern, re.IGNORECASE), advice, is_contract)


# https://www.postgresql.org/docs/18/sql-altertable.html, on what scans or rewrites a table.
_ACTION_RULES: Final = (
    _rule(
        "adds-required-column",
        r"ADD (?:COLUMN )?(?!CONSTRAINT\b)(?!.*\bDEFAULT\b)(?!.*\bGENERATED\b).*\bNOT NULL\b",
        "the old program does not fill it: give it a server default, or leave it nullable",
    ),
    _rule(
        "rewrites-table",
        r"ADD (?:COLUMN )?(?!CONSTRAINT\b).*"
        r"(?:\bGENERATED\b.*\b(?:STORED|IDENTITY)\b|\b(?:SMALL|BIG)?SERIAL\b"
        r"|\bDEFAULT\b.*\b(?:random|gen_random_uuid|uuidv\d|clock_timestamp|nextval)\b)",
        "every row is written again under an exclusive lock: add it without, and fill it in "
        "batches by a command",
    ),
    _rule(
        "rewrites-table",
        r"ALTER (?:COLUMN )?\S+ (?:SET DATA )?TYPE\b",
        "add a column of the new type, write both, fill it in batches, then contract",
    ),
    _rule(
        "scans-table",
        r"ALTER (?:COLUMN )?\S+ SET NOT NULL\b",
        "add the constraint NOT VALID, and validate it in a revision of its own",
    ),
    _rule(
        "scans-table",
        r"ADD (?:CONSTRAINT \S+ )?(?:CHECK|FOREIGN KEY|NOT NULL)\b(?!.*\bNOT VALID\b)",
        "add it NOT VALID, and validate it in a revision of its own",
    ),
    _rule(
        "builds-index-under-lock",
        r"ADD (?:CONSTRAINT \S+ )?(?:UNIQUE|PRIMARY KEY|EXCLUDE)\b(?!.*\bUSING INDEX\b)",
        "create the unique index CONCURRENTLY, then add the constraint USING INDEX",
    ),
    _rule(
        "takes-away",
        r"DROP (?:COLUMN )?(?!CONSTRAINT\b|DEFAULT\b|EXPRESSION\b|IDENTITY\b|NOT\b)",
        "the old program still uses it: in a later revision, with phase = 'contract'",
        is_contract=True,
    ),
    _rule(
        "renames",
        r"RENAME\b",
        "the old program knows the old name only: add under the new name, then contract",
    ),
)
_STATEMENT_RULES: Final = (
    _rule(
        "takes-away",
        r"DROP (?:TABLE|VIEW|INDEX)\b",
        "the old program still uses it: in a later revision, with phase = 'contract'",
        is_contract=True,
    ),
    _rule(
        "changes-data",
        r"(?:INSERT INTO|UPDATE|DELETE FROM|MERGE INTO|TRUNCATE)\b",
        "rows are filled in batches by a command, not in a migration",
    ),
    _rule(
        "locks-table",
        r"(?:LOCK TABLE|CLUSTER|VACUUM|REINDEX TABLE|REFRESH MATERIALIZED VIEW (?!CONCURRENTLY))",
        "nobody can use the table meanwhile: do it by hand, when nobody has to",
    ),
)
_INDEX_ADVICE: Final = (
    "create it CONCURRENTLY in an autocommit_block; of a partitioned table ON ONLY the parent, "
    "then on each partition, then attach them"
)


def lint_revisions(location: Path | None = None) -> list[Finding]:
    """Return what must not be in the program's revisions, oldest first; empty when all is well.

    Parameters
    ----------
    location : a folder of revisions other than the program's own: for tests.
    """
    folder = location or Path(str(files("strikewire.store") / "migrations"))
    scripts = ScriptDirectory(str(folder))
    return [
        finding
        for script in reversed(list(scripts.walk_revisions()))
        for finding in _lint_script(script)
    ]


def lint_statements(
    statements: Iterable[str], *, revision: str, phase: Phase = "expand"
) -> list[Finding]:
    """Return what must not be among the statements of one revision.

    Parameters
    ----------
    statements : SQL, in order, without the semicolons.
    revision : whose they are, for the findings.
    phase : what the revision says it is.
    """
    normal = [" ".join(_strip_comments(each).split()) for each in statements]
    made = {_fold(found["table"]) for each in normal if (found := _CREATE_TABLE.match(each))}
    return [
        Finding(revision, rule, _shorten(statement), advice)
        for statement in normal
        for rule, advice in _lint(statement, made, phase)
    ]


def read_phase(module: Any) -> Phase:
    """Return what a revision says it is.

    Raises
    ------
    ValueError : something that is neither `expand` nor `contract`.
    """
    phase: Phase = getattr(module, "phase", "expand")
    if phase not in _PHASES:
        msg = f"phase must be one of {', '.join(_PHASES)}, was {phase!r}"
        raise ValueError(msg)
    return phase


def _lint_script(script: Script) -> Iterator[Finding]:
    allowed = getattr(script.module, "allowed", {})
    for finding in lint_statements(
        _render(script), revision=script.revision, phase=read_phase(script.module)
    ):
        if not allowed.get(finding.rule):
            yield finding


def _render(script: Script) -> Sequence[str]:
    """Return what a revision would send to the server."""
    buffer = StringIO()
    context = MigrationContext.configure(
        dialect_name="postgresql",
        opts={"as_sql": True, "output_buffer": buffer, "literal_binds": True},
    )
    with Operations.context(context):
        script.module.upgrade()
    return [each for each in re.split(r";\s*(?:\n|$)", buffer.getvalue()) if each.strip()]


def _lint(statement: str, made: set[str], phase: Phase) -> Iterator[tuple[str, str]]:
    """Yield the rules that one statement breaks, with what to do instead."""
    if index := _CREATE_INDEX.match(statement):
        if not (index["mode"] or index["only"] or _fold(index["table"]) in made):
            yield "builds-index-under-lock", _INDEX_ADVICE
        return
    if alter := _ALTER.match(statement):
        if _fold(alter["table"]) in made:
            return
        for action in _split_actions(alter["actions"]):
            yield from _match(action, _ACTION_RULES, phase)
        return
    other = _OTHER.match(statement)
    if other is None or _fold(other["table"]) not in made:
        yield from _match(statement, _STATEMENT_RULES, phase)


def _match(text: str, rules: Iterable[_Rule], phase: Phase) -> Iterator[tuple[str, str]]:
    for rule in rules:
        if rule.pattern.match(text) and not (rule.is_contract and phase == "contract"):
            yield rule.name, rule.advice


def _split_actions(text: str) -> list[str]:
    """Split at commas outside of parentheses and quotes: the actions of one ALTER TABLE."""
    parts, depth, quote, start = [], 0, "", 0
    for place, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character in "()":
            depth += 1 if character == "(" else -1
        elif character == "," and depth == 0:
            parts.append(text[start:place].strip())
            start = place + 1
    return [*parts, text[start:].strip()]


def _strip_comments(statement: str) -> str:
    return re.sub(r"--[^\n]*|/\*.*?\*/", " ", statement, flags=re.DOTALL)


def _fold(name: str) -> str:
    return name.replace('"', "").removeprefix("public.").lower()


def _shorten(statement: str) -> str:
    longest = 80
    return statement if len(statement) <= longest else f"{statement[: longest - 3]}..."
