"""The files under /assets, read once; text is kept compressed as well.

Browsers keep them for a year by their hashed names, and for an hour by their plain ones, which stylesheets use.
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path

from flask import Request, Response, abort

FOLDER = Path(__file__).with_name("assets")
TYPES = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
    ".txt": "text/plain",
    ".ico": "image/x-icon",
}
COMPRESSED = {".js", ".css", ".svg", ".txt"}
YEAR, HOUR = "public, max-age=31536000, immutable", "public, max-age=3600"


@dataclass(frozen=True)
class Asset:
    name: str
    content: bytes
    zipped: bytes | None
    kind: str
    digest: str

    @property
    def hashed(self) -> str:
        stem, dot, ending = self.name.rpartition(".")
        return f"{stem}.{self.digest}{dot}{ending}"


class Assets:
    """`reload` reads a file anew whenever it is asked for: for whoever designs them."""

    def __init__(self, folder: Path = FOLDER, *, reload: bool = False) -> None:
        self._folder, self._reload = folder, reload
        self._by_name: dict[str, Asset] = {}
        self._by_hashed: dict[str, Asset] = {}
        self._read()

    def _read(self) -> None:
        for path in sorted(self._folder.rglob("*")):
            if path.is_file() and path.suffix not in (".sha256", ".md"):
                asset = _asset(path, path.relative_to(self._folder).as_posix())
                self._by_name[asset.name] = self._by_hashed[asset.hashed] = asset

    def url(self, name: str) -> str:
        """Where a page finds it. Raises KeyError for a name that isn't there."""
        if self._reload:
            self._read()
        return f"/assets/{self._by_name[name].hashed}"

    def respond(self, name: str, request: Request) -> Response:
        if self._reload:
            self._read()
        asset = self._by_hashed.get(name) or self._by_name.get(name)
        if asset is None:
            abort(404)
        zipped = asset.zipped is not None and "gzip" in request.headers.get("Accept-Encoding", "")
        response = Response(asset.zipped if zipped else asset.content, content_type=asset.kind)
        response.headers["Cache-Control"] = YEAR if name in self._by_hashed else HOUR
        if asset.zipped is not None:
            response.headers["Vary"] = "Accept-Encoding"
        if zipped:
            response.headers["Content-Encoding"] = "gzip"
        response.set_etag(asset.digest + ("-gzip" if zipped else ""))
        response.make_conditional(request)
        return response


def _asset(path: Path, name: str) -> Asset:
    content = path.read_bytes()
    kind = TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    zipped = gzip.compress(content, 9, mtime=0) if path.suffix in COMPRESSED and len(content) > 512 else None
    kind += "; charset=utf-8" if kind.startswith("text/") else ""
    return Asset(name, content, zipped, kind, hashlib.sha256(content).hexdigest()[:12])
