"""Who is let in, and what every answer says to the browser.

A page elsewhere can make a browser send requests here. It is refused by the origin that the browser states, by the name
under which it reached us (its own name, made to lead to this machine), and, where there is one, by the token.
"""

import hmac
from collections.abc import Callable
from hashlib import sha256
from ipaddress import ip_address
from urllib.parse import urlsplit

from flask import Flask, Response, abort, redirect, request
from werkzeug.datastructures import Headers

from flashworld.apps.studio.settings import Settings

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
OPEN_ENDPOINTS = ("pages.index", "pages.studio_file", "pages.web_file", "static", None)
"""Answered without a token: the page and its files hold nothing of anyone. None is an address that does not exist."""

COOKIE = "flashworld_token"

POLICY = "; ".join([
    "default-src 'self'",
    "script-src 'self' 'wasm-unsafe-eval'",  # Spark compiles WebAssembly,
    "worker-src 'self' blob:",  # makes its workers from blobs
    "connect-src 'self' data: blob:",  # and carries its module as data
    "img-src 'self' data: blob:",
    "media-src 'self' blob:",
    "style-src 'self' 'unsafe-inline'",
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'self'",
])  # fmt: skip

ALWAYS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}
CORS_HEADERS = "Content-Type,Authorization"
CORS_METHODS = "GET,PUT,POST,DELETE,OPTIONS"
"""As published; our own routes have PATCH too."""


def protect(app: Flask, settings: Settings) -> None:
    """Check every request and complete every answer of an application."""

    def check() -> Response | None:
        if not _known_host(request.host, settings):
            abort(403, "This server is not known by that name. Open the address that it printed when it started.")
        if request.method not in SAFE_METHODS and not _known_origin(request.headers, settings):
            abort(403, "Pages of other origins may not do this. Start the server with --cors to allow them.")
        if settings.token is None or request.method == "OPTIONS":
            return None
        if request.endpoint == "pages.index" and "token" in request.args:
            return _remember(settings.token)
        if request.endpoint not in OPEN_ENDPOINTS and not _knows(settings.token):
            abort(401, "A token is needed: open the address that the server printed, or send 'Authorization: Bearer'.")
        return None

    app.before_request(check)
    app.after_request(_completed(settings))


def _completed(settings: Settings) -> Callable[[Response], Response]:
    def complete(response: Response) -> Response:
        for name, value in ALWAYS.items():
            response.headers.setdefault(name, value)
        response.headers.setdefault("Cache-Control", "no-store")
        if response.status_code == 401:
            response.headers["WWW-Authenticate"] = "Bearer"
        origin = _allowed_origin(settings)
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin" if origin else "same-origin"
        if origin:
            methods = (
                CORS_METHODS.replace("DELETE", "PATCH,DELETE") if request.path.startswith("/api/") else CORS_METHODS
            )
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Allow-Headers"] = CORS_HEADERS
            response.headers["Access-Control-Allow-Methods"] = methods
            if origin != "*":
                response.headers.add("Vary", "Origin")
        return response

    return complete


def _allowed_origin(settings: Settings) -> str | None:
    if settings.open_to_all:
        return "*"
    origin = request.headers.get("Origin")
    return origin if origin in settings.cors else None


def _known_origin(headers: Headers, settings: Settings) -> bool:
    """Whether a request that changes something comes from a page of ours, of an allowed origin, or from no page."""
    origin = headers.get("Origin")
    if origin is None:
        return settings.open_to_all or headers.get("Sec-Fetch-Site") not in ("cross-site", "same-site")
    if settings.open_to_all or origin in settings.cors:
        return True
    try:
        return urlsplit(origin).netloc == request.host
    except ValueError:
        return False


def _known_host(host: str, settings: Settings) -> bool:
    """Whether a name is one of ours. Plain addresses are: a foreign page cannot come by them."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    if name == "localhost" or name.endswith(".localhost") or name in settings.hosts or settings.open_to_all:
        return True
    if name in {urlsplit(origin).hostname for origin in settings.cors}:
        return True
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _knows(token: str) -> bool:
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and _same(given.strip(), token):
        return True
    return _same(request.cookies.get(COOKIE, ""), _sign(token))


def _remember(token: str) -> Response:
    """Let the browser keep who knows the token, and take the token out of the address."""
    if not _same(request.args["token"], token):
        abort(401, "That is not the token of this server.")
    answer = redirect("/")
    answer.set_cookie(COOKIE, _sign(token), httponly=True, samesite="Strict", secure=request.is_secure)
    return answer  # pyright: ignore[reportReturnType] - werkzeug's base class of the same answer


def _sign(token: str) -> str:
    return sha256(b"flashworld studio " + token.encode()).hexdigest()


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())
