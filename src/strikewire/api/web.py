"""The page: what `make web` built, read once and served from memory to anybody.

A request is a look-up in a table of the files there were at the start. No path is ever put together
from what a client sends, so there is nothing to climb out of.
"""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import xxhash
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from strikewire.api.negotiation import is_accepted
from strikewire.observability.logs import get_logger

_log: Final = get_logger("web")

_INDEX: Final = "index.html"
#: Where the build puts files whose names change with their content.
_HASHED: Final = "assets/"
#: Not the machine's own table: on some machines a script is plain text, and browsers refuse it.
_TYPES: Final[Mapping[str, str]] = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}
_UNKNOWN_TYPE: Final = "application/octet-stream"
#: What is packed already only grows.
_PACKED: Final = frozenset({".ico", ".png", ".woff2"})
#: Everything from this server and nothing inline: a script that got into a name cannot run.
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
_NOT_BUILT: Final = (
    "Strikewire answers, but its page was not built.\n"
    "In a checkout `make web` builds it, which needs Node; then start the program again.\n"
)


@dataclass(frozen=True, slots=True)
class _Variant:
    """A file in one encoding, with the headers it is sent with."""

    content: bytes
    headers: Mapping[str, str]

    def is_known(self, known: str | None) -> bool:
        """Return whether `If-None-Match` has it."""
        if known is None:
            return False
        tags = {each.strip().removeprefix("W/") for each in known.split(",")}
        return "*" in tags or self.headers["ETag"] in tags


@dataclass(frozen=True, slots=True)
class PageFile:
    """A file of the page, ready to be sent.

    Parameters
    ----------
    gzipped : None where that would be no shorter.
    """

    plain: _Variant
    gzipped: _Variant | None

    def answer(self, headers: Headers) -> Response:
        """Return the file as this client takes it, or that it has it already."""
        variant = self.plain
        if self.gzipped is not None and is_accepted(headers.get("accept-encoding"), "gzip", "*"):
            variant = self.gzipped
        if variant.is_known(headers.get("if-none-match")):
            # A browser keeps these with what it has: without its policy the page would be given
            # that of the routes, and could not even load its own script.
            kept = ("ETag", "Cache-Control", "Vary", "Content-Security-Policy")
            return Response(
                status_code=304,
                headers={name: variant.headers[name] for name in kept if name in variant.headers},
            )
        return Response(variant.content, headers=dict(variant.headers))


class Page:
    """Serves the page's files; its one document also where a browser navigates to anything else.

    Parameters
    ----------
    files : path to file, from `load_files`; empty when the page was not built.
    """

    def __init__(self, files: Mapping[str, PageFile]) -> None:
        self._files = files

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request.

        Raises
        ------
        HTTPException : 404, there is no such file and nobody navigates.
        """
        response = self._find(scope["path"].removeprefix("/"), Headers(scope=scope))
        await response(scope, receive, send)

    def _find(self, path: str, headers: Headers) -> Response:
        if not self._files and not path:
            return PlainTextResponse(_NOT_BUILT, status_code=404)
        file = self._files.get(path or _INDEX)
        if file is None and _is_plain(path) and is_accepted(headers.get("accept"), "text/html"):
            # The page's own address: it knows itself what to show there.
            file = self._files.get(_INDEX)
        if file is None:
            raise HTTPException(404)
        return file.answer(headers)


def _is_plain(path: str) -> bool:
    """Return whether an address can be the page's: what tries to climb or to cheat is none."""
    parts = path.removesuffix("/").split("/")
    return not ({"", ".", ".."} & set(parts) or "\\" in path or "\0" in path)


def load_files(folder: Path) -> dict[str, PageFile]:
    """Read the page into memory; empty when there is none.

    A link that leads out of the folder is left out.
    """
    root = folder.resolve()
    files: dict[str, PageFile] = {}
    for path in sorted(root.rglob("*")):
        if not path.is_file():
            continue
        name = path.relative_to(root).as_posix()
        if not path.resolve().is_relative_to(root):
            _log.warning("a file outside the page's folder is not served", file=name)
            continue
        files[name] = _load_file(name, path.read_bytes())
    if _INDEX not in files:
        _log.warning("the page was not built: make web")
        return {}
    return files


def _load_file(name: str, content: bytes) -> PageFile:
    suffix = Path(name).suffix
    headers = {
        "Content-Type": _TYPES.get(suffix, _UNKNOWN_TYPE),
        # A new version of the program has other names for what it has changed.
        "Cache-Control": "public, max-age=31536000, immutable"
        if name.startswith(_HASHED)
        else "no-cache",
    }
    if suffix == ".html":
        headers["Content-Security-Policy"] = _POLICY
    digest = xxhash.xxh3_128_hexdigest(content)
    packed = content if suffix in _PACKED else gzip.compress(content, mtime=0)
    if len(packed) >= len(content):
        return PageFile(_Variant(content, {**headers, "ETag": f'"{digest}"'}), None)
    headers["Vary"] = "Accept-Encoding"
    return PageFile(
        plain=_Variant(content, {**headers, "ETag": f'"{digest}"'}),
        gzipped=_Variant(
            packed, {**headers, "Content-Encoding": "gzip", "ETag": f'"{digest}-gzip"'}
        ),
    )
