from __future__ import annotations

import pytest

from strikewire.api.negotiation import choose_media_type, is_accepted
from strikewire.core.errors import UnsupportedMediaError

OFFERED = ("application/json", "text/csv", "application/vnd.apache.parquet")


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        (None, "application/json"),
        ("", "application/json"),
        ("*/*", "application/json"),
        ("text/csv", "text/csv"),
        ("TEXT/CSV; charset=utf-8", "text/csv"),
        ("text/*", "text/csv"),
        ("application/*", "application/json"),
        ("text/csv;q=0.5, application/json;q=0.4", "text/csv"),
        ("application/json;q=0, */*", "text/csv"),
        ("text/html, application/vnd.apache.parquet", "application/vnd.apache.parquet"),
        # What a browser's address bar sends.
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "application/json"),
    ],
)
def test_best_offer_is_chosen(accept, wanted):
    assert choose_media_type(accept, OFFERED) == wanted


@pytest.mark.parametrize("accept", ["text/html", "image/*", "text/csv;q=0", "*/*;q=0", "csv"])
def test_nothing_acceptable_is_refused(accept):
    with pytest.raises(UnsupportedMediaError, match="text/csv"):
        choose_media_type(accept, OFFERED)


@pytest.mark.parametrize(
    ("header", "names", "wanted"),
    [
        (None, ("gzip", "*"), False),
        ("", ("gzip", "*"), False),
        ("deflate, gzip;q=0.5", ("gzip", "*"), True),
        ("gzip;q=0, *", ("gzip", "*"), False),
        ("*", ("gzip", "*"), True),
        ("*/*", ("text/html",), False),
        ("TEXT/HTML", ("text/html",), True),
        ("text/html;q=much", ("text/html",), False),
    ],
)
def test_thing_is_accepted_by_its_own_name_or_by_what_stands_for_it(header, names, wanted):
    assert is_accepted(header, *names) is wanted
