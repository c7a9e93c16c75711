"""The page and its files: everything that a browser loads once."""

from pathlib import Path

from flask import Blueprint, Response, send_from_directory

PAGE = Path(__file__).parent / "page"
WEB = Path(__file__).parents[1] / "web"
"""The viewer and its libraries, which other applications show too."""


def blueprint() -> Blueprint:
    """The routes."""
    routes = Blueprint("pages", __name__)

    def from_folder(folder: Path, name: str) -> Response:
        answer = send_from_directory(folder, name)
        # Asked for each time, but sent again only if it changed: a new version is there at the next reload.
        answer.headers["Cache-Control"] = "no-cache"
        return answer

    @routes.get("/")
    def index() -> Response:
        return from_folder(PAGE, "index.html")

    @routes.get("/static/studio/<path:name>")
    def studio_file(name: str) -> Response:
        return from_folder(PAGE, name)

    @routes.get("/static/web/<path:name>")
    def web_file(name: str) -> Response:
        return from_folder(WEB, name)

    return routes
