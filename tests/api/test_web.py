"""The page as browsers get it, and as clients do that keep to no rule."""

from __future__ import annotations

import asyncio
import gzip

import pytest

from strikewire.api.config import PAGE_FOLDER, ApiConfig
from tests.api.conftest import serve_runtime

#: What a browser's address bar sends, and what its `<script>` does.
NAVIGATION = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
SCRIPT = {"Accept": "*/*"}

INDEX = b"<!doctype html><title>Strikewire</title>" + b"<p>candles</p>" * 100
SCRIPT_BODY = b"export const answer = 42;" * 100
FILES = {
    "index.html": INDEX,
    "assets/index-B7nQx2aP.js": SCRIPT_BODY,
    "assets/index-C1dPq9zK.css": b"p { color: red }" * 100,
    "favicon.svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    "manifest.webmanifest": b"{}",
    "fonts/plain.woff2": b"wOF2" * 200,
    "unheard.of": b"?",
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)


def write_page(folder):
    for name, content in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


@pytest.fixture(scope="session")
async def built(service, tmp_path_factory):
    """Serve a page that was built, with secrets beside it."""
    root = tmp_path_factory.mktemp("web")
    folder = root / "page"
    write_page(folder)
    (root / "secret.txt").write_text("secret")
    (folder / "link.txt").symlink_to(root / "secret.txt")
    (folder / "away").symlink_to(root)
    async with serve_runtime(service.runtime, ApiConfig(page_folder=folder)) as served:
        yield served


async def ask_raw(service, target, *, accept=NAVIGATION["Accept"], method="GET"):
    """Ask for a path as it stands: a client library would tidy it up."""
    host, port = service.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = (
        f"{method} {target} HTTP/1.1\r\nHost: {host}\r\nAccept: {accept}\r\nConnection: close\r\n"
    )
    writer.write(f"{head}\r\n".encode("latin-1"))
    answer = await reader.read()
    writer.close()
    return answer


async def test_root_is_the_document_with_its_own_policy(built):
    answer = await built.client.get("/", headers=NAVIGATION)
    assert (answer.status_code, answer.content) == (200, INDEX)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers.get_list("content-security-policy") == [POLICY]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-correlation-id"]


async def test_api_beside_the_page_keeps_the_policy_that_allows_nothing(built):
    for path in ("/api/v1/market", "/assets/index-B7nQx2aP.js", "/health/live", "/nothing.js"):
        policies = (await built.client.get(path)).headers.get_list("content-security-policy")
        assert policies == ["default-src 'none'; frame-ancestors 'none'"], path


@pytest.mark.parametrize(
    ("path", "content_type", "is_forever"),
    [
        ("/assets/index-B7nQx2aP.js", "text/javascript; charset=utf-8", True),
        ("/assets/index-C1dPq9zK.css", "text/css; charset=utf-8", True),
        ("/favicon.svg", "image/svg+xml", False),
        ("/manifest.webmanifest", "application/manifest+json", False),
        ("/fonts/plain.woff2", "font/woff2", False),
        ("/unheard.of", "application/octet-stream", False),
        ("/index.html", "text/html; charset=utf-8", False),
    ],
)
async def test_file_has_its_type_and_is_kept_as_long_as_its_name_allows(
    built, path, content_type, is_forever
):
    answer = await built.client.get(path, headers=SCRIPT)
    assert answer.content == FILES[path[1:]]
    assert answer.headers["content-type"] == content_type
    wanted = "public, max-age=31536000, immutable" if is_forever else "no-cache"
    assert answer.headers["cache-control"] == wanted


@pytest.mark.parametrize(
    ("accepted", "is_packed"),
    [
        ("gzip, deflate, br", True),
        ("*", True),
        ("gzip;q=0.1", True),
        ("gzip;q=0, *", False),
        ("br", False),
        ("identity", False),
        ("", False),
    ],
)
async def test_file_is_packed_for_who_can_unpack_it(built, accepted, is_packed):
    headers = {"Accept-Encoding": accepted}
    async with built.client.stream("GET", "/assets/index-B7nQx2aP.js", headers=headers) as answer:
        sent = b"".join([each async for each in answer.aiter_raw()])
    assert answer.headers.get("content-encoding") == ("gzip" if is_packed else None)
    assert answer.headers["vary"] == "Accept-Encoding"
    assert int(answer.headers["content-length"]) == len(sent)
    assert (gzip.decompress(sent) if is_packed else sent) == SCRIPT_BODY
    assert (len(sent) < len(SCRIPT_BODY)) == is_packed


async def test_what_packing_makes_no_shorter_is_sent_as_it_is(built):
    answer = await built.client.get("/fonts/plain.woff2")
    assert "content-encoding" not in answer.headers
    assert "vary" not in answer.headers


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
async def test_known_file_is_not_sent_again(built, encoding):
    headers = {"Accept-Encoding": encoding}
    first = await built.client.get("/", headers=headers)
    tag = first.headers["etag"]
    for known in (tag, f'"other", W/{tag}', "*"):
        again = await built.client.get("/", headers=headers | {"If-None-Match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == tag
        assert again.headers["cache-control"] == "no-cache"
        # The browser puts it in the place of the one it has.
        assert again.headers["content-security-policy"] == first.headers["content-security-policy"]
    changed = await built.client.get("/", headers=headers | {"If-None-Match": '"other"'})
    assert changed.status_code == 200


async def test_each_encoding_has_a_tag_of_its_own(built):
    tags = {
        (await built.client.get("/", headers={"Accept-Encoding": encoding})).headers["etag"]
        for encoding in ("gzip", "identity")
    }
    assert len(tags) == 2


async def test_head_tells_what_get_would(built):
    headers = {"Accept-Encoding": "identity"}
    for path in ("/", "/assets/index-B7nQx2aP.js"):
        got = await built.client.get(path, headers=headers)
        told = await built.client.head(path, headers=headers)
        assert (told.status_code, told.content) == (200, b"")
        names = ("content-type", "content-length", "etag", "cache-control")
        assert [told.headers[n] for n in names] == [got.headers[n] for n in names]
    assert (await ask_raw(built, "/", method="HEAD")).endswith(b"\r\n\r\n")


@pytest.mark.parametrize("path", ["/chart", "/chart/NSE:NIFTY%2050", "/a/b/", "/apiary", "/wsx"])
async def test_navigation_to_anything_else_is_the_document(built, path):
    answer = await built.client.get(path, headers=NAVIGATION)
    assert (answer.status_code, answer.content) == (200, INDEX)
    assert answer.headers["content-security-policy"] == POLICY


@pytest.mark.parametrize("path", ["/chart", "/assets/index-00000000.js", "/favicon.ico"])
@pytest.mark.parametrize("accept", ["*/*", "image/avif,*/*;q=0.8", "text/html;q=0"])
async def test_missing_file_is_not_found(built, path, accept):
    answer = await built.client.get(path, headers={"Accept": accept})
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "not_found"


@pytest.mark.parametrize(
    "path",
    ["/api", "/api/v1/nothing", "/udf/nothing", "/ws", "/ws/nothing", "/health/nothing",
     "/metrics/nothing", "/api/", "/docs/../api"],
)  # fmt: skip
async def test_navigation_below_the_interface_keeps_the_error_body(built, path):
    answer = await built.client.get(path, headers=NAVIGATION)
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "not_found"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
async def test_page_takes_nothing_in(built, method):
    answer = await built.client.request(method, "/")
    assert answer.status_code == 405
    assert "GET" in answer.headers["allow"]
    assert (await built.client.request(method, "/api/v1/nothing")).status_code == 404


async def test_request_for_no_path_at_all_is_answered(built):
    assert (await ask_raw(built, "*", method="OPTIONS")).startswith(b"HTTP/1.1 4")


@pytest.mark.promise("S21")
@pytest.mark.parametrize("accept", ["*/*", NAVIGATION["Accept"]])
@pytest.mark.parametrize(
    "target",
    [
        "/../secret.txt",
        "/..%2fsecret.txt",
        "/%2e%2e/secret.txt",
        "/%2e%2e%2fsecret.txt",
        "/assets/../../secret.txt",
        "/assets/..%2f..%2fsecret.txt",
        "/..%5csecret.txt",
        "/assets\\..\\..\\secret.txt",
        "//etc/passwd",
        "/%2fetc%2fpasswd",
        "/index.html%00.txt",
        "/./secret.txt",
        "/....//secret.txt",
    ],
)
async def test_path_that_climbs_out_is_refused(built, target, accept):
    answer = await ask_raw(built, target, accept=accept)
    assert answer.startswith((b"HTTP/1.1 404", b"HTTP/1.1 400"))
    assert b"secret" not in answer.replace(b"secret.txt", b"")
    assert b"root:" not in answer


@pytest.mark.promise("S21")
@pytest.mark.parametrize("path", ["/link.txt", "/away/secret.txt", "/away/page/index.html"])
async def test_link_out_of_the_folder_is_not_followed(built, path):
    assert (await built.client.get(path, headers=SCRIPT)).status_code == 404


async def test_route_of_the_page_has_one_name_in_metrics(built):
    await built.client.get("/some/where", headers=NAVIGATION)
    text = (await built.client.get("/metrics")).text
    assert 'route="/{path}"' in text
    assert "/some/where" not in text


async def test_page_that_was_not_built_says_how_to_build_it(service, tmp_path):
    for folder in (tmp_path, tmp_path / "nowhere"):
        async with serve_runtime(service.runtime, ApiConfig(page_folder=folder)) as bare:
            answer = await bare.client.get("/", headers=NAVIGATION)
            assert (answer.status_code, "make web" in answer.text) == (404, True)
            assert answer.headers["content-type"].startswith("text/plain")
            elsewhere = await bare.client.get("/chart", headers=NAVIGATION)
            assert elsewhere.json()["error"]["code"] == "not_found"


def test_page_is_looked_for_in_the_package():
    assert PAGE_FOLDER.parts[-3:] == ("strikewire", "api", "page")
    assert ApiConfig().page_folder == PAGE_FOLDER
