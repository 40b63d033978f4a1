"""What every answer says to browsers, and what every form is asked before anything happens."""

from __future__ import annotations

from flask import Request, Response

# No inline script or style anywhere. JSON-LD blocks are data, which script-src does not govern (HTML standard: a data block is not run).
CONTENT_POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "frame-src 'none'"
)
HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(self), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}
MOST_BYTES = 64 * 1024


def harden(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if "Cache-Control" not in response.headers:
        response.headers["Cache-Control"] = "private, no-cache"
    return response


def from_elsewhere(request: Request) -> bool:
    """Whether the browser itself says that another site sends this form."""
    return request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none")


def local(target: str, otherwise: str = "/") -> str:
    """A path of this shop, or `otherwise`: never another host, however it is written."""
    if not target.startswith("/") or target.startswith(("//", "/\\")) or "\\" in target or not target.isprintable() or len(target) > 500:
        return otherwise
    return target
