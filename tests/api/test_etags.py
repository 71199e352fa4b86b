from __future__ import annotations

import pytest

from strikewire.api.etags import is_known
from tests.api.conftest import make_database, make_settings, serve

PATHS = (
    "/api/v1/instruments?limit=2",
    "/api/v1/instruments/BANKNIFTY-I",
    "/api/v1/market-rules?limit=2",
    "/api/v1/openapi.json",
)


@pytest.mark.parametrize("path", PATHS)
async def test_whoever_has_it_is_not_sent_it_again(client, path):
    first = await client.get(path)
    again = await client.get(path, headers={"If-None-Match": first.headers["etag"]})
    other = await client.get(path, headers={"If-None-Match": '"another"'})

    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert first.headers["cache-control"] == "private, no-cache"
    assert (other.status_code, other.content) == (200, first.content)


async def test_other_representations_have_other_tags(client):
    tags = {(await client.get(path)).headers["etag"] for path in PATHS}

    assert len(tags) == len(PATHS)


async def test_failure_has_no_tag(client):
    assert "etag" not in (await client.get("/api/v1/instruments/NOPE")).headers


async def test_tag_changes_with_what_it_names(postgres_url):
    path = "/api/v1/market-rules?venue=NFO&kind=lot_size"
    rule = {"source": "a test", "value": {"NIFTY": 65}}
    async with make_database(postgres_url) as url, serve(make_settings(url)) as service:
        before = (await service.client.get(path)).headers["etag"]
        put = await service.client.put("/api/v1/market-rules/NFO/lot_size/2030-01-01", json=rule)
        after = await service.client.get(path, headers={"If-None-Match": before})

    assert put.status_code == 201
    assert after.status_code == 200
    assert after.headers["etag"] != before


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        (None, False),
        ('"a"', True),
        ('W/"a"', True),
        ('"b", "a"', True),
        ("*", True),
        ('"b"', False),
        ("a", False),
    ],
)
def test_header_names_tags(header, wanted):
    assert is_known('"a"', header) is wanted
