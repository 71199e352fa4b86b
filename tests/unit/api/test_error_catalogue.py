"""docs/reference/errors.md lists every error there is, with the status it really has."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from strikewire.api.errors import HTTP_CODES, describe
from strikewire.core import errors

PAGE = Path(__file__).resolve().parents[3] / "docs/reference/errors.md"


def iterate_tree(kind=errors.StrikewireError):
    yield kind
    for each in kind.__subclasses__():
        if each.__module__ == errors.__name__:
            yield from iterate_tree(each)


def compute_answers():
    """Return code and status of every error that can be answered; a bug tells nothing of itself."""
    answers = {(code, status) for status, code in HTTP_CODES.items()}
    for kind in iterate_tree():
        given = {"retry_after_s": 1.0} if issubclass(kind, errors.RateLimitedError) else {}
        failure = describe(kind("what was wanted", **given))
        answers.add((failure.code, failure.status))
    return answers


def test_page_lists_every_answer_and_no_other():
    rows = re.findall(r"^\| (\d{3}) \| `(\w+)` \| \S", PAGE.read_text(), re.MULTILINE)

    assert {(code, int(status)) for status, code in rows} == compute_answers()
    assert len(rows) == len(set(rows))


def test_page_lists_what_only_a_command_says():
    said = {
        kind.code
        for kind in iterate_tree()
        if kind is not errors.StrikewireError
        and kind.code not in {code for code, _ in compute_answers()}
    }
    rows = re.findall(r"^\| `(\w+)` \| \S", PAGE.read_text(), re.MULTILINE)

    assert set(rows) == said


def test_codes_are_each_of_one_class_but_one():
    codes = Counter(kind.code for kind in iterate_tree())

    # Why a credential is no good is for our log: it is answered like one that is not there.
    assert [code for code, count in codes.items() if count > 1] == ["not_authenticated"]
