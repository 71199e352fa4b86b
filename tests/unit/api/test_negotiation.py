from __future__ import annotations

import pytest

from strikewire.api.negotiation import choose_media_type
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
