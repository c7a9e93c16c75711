"""Files as answers. No thread waits until a client has read one: waitress sends it beside all others."""

from pathlib import Path

from flask import Response, request, send_file

from flashworld.jobs import NoJobError


def send(path: Path, mime: str, name: str | None = None) -> Response:
    """A file, or the range of it that is asked for.

    Args:
        path: The file.
        mime: Its media type.
        name: As what it is downloaded; by default it is shown.

    Raises:
        NoJobError: It was removed at this moment.
    """
    try:
        return _sent(path, mime, name)
    except FileNotFoundError:
        raise NoJobError("There is no such file (any more).") from None


def _sent(path: Path, mime: str, name: str | None) -> Response:
    answer = send_file(path, mime, as_attachment=name is not None, download_name=name, max_age=0)
    wrapper = request.environ.get("wsgi.file_wrapper")
    if answer.status_code == 206 and wrapper is not None:
        start = answer.content_range.start
        assert start is not None
        answer.response.close()  # pyright: ignore[reportAttributeAccessIssue] - of werkzeug's own range, read by a thread
        file = path.open("rb")
        file.seek(start)
        answer.response = wrapper(file)  # it sends as many bytes as the answer's header says
    return answer
