"""Pieces of the page as HTML. Words of visitors and of errors are escaped here, and only here."""

from html import escape
from pathlib import Path
from urllib.parse import quote

from flashworld.apps.gradio.drawing import draw
from flashworld.apps.gradio.order import Maker
from flashworld.apps.gradio.paths import shown
from flashworld.errors import RequestError
from flashworld.events import Progress

WEB = Path(__file__).parents[1] / "web"

STAGES = {
    "text": ("Reading picture and words", 0.02),
    "denoise": ("Imagining the scene", 0.05),
    "render": ("Filming the flight", 0.55),
    "write": ("Writing the 3D files", 0.8),
    "encode": ("Encoding the video", 0.9),
}
"""Stage to its words and to the share of the way at which it begins, in order."""

EMPTY_VIEW = (
    '<div class="fw-view fw-empty"><div><svg viewBox="0 0 64 64" width="72" aria-hidden="true" fill="none" '
    'stroke="currentColor" stroke-width="2"><circle cx="32" cy="32" r="22"/><ellipse cx="32" cy="32" rx="10" ry="22"/>'
    '<path d="M10 32h44M14 20h36M14 44h36"/></svg><p>Your world appears here</p>'
    "<small>Choose a picture or write a sentence, pick a camera path, press Generate.</small></div></div>"
)


def header(maker: Maker) -> str:
    """The title, and what makes the scenes here."""
    model = maker.model
    where = "ZeroGPU" if maker.hosted else model.device.type.upper()
    note = ""
    if not model.trained:
        note = (
            '<p class="fw-note"><b>The built-in model is not trained yet:</b> it shows the whole way from a picture to '
            "3D files, but its scenes are coloured fog.</p>"
        )
    if model.name == "tiny" and model.device.type == "cpu":
        hope = "give it a picture, since a sentence alone becomes a blur of floor and sky"
        note = (
            '<p class="fw-note"><b>There is no CUDA GPU here,</b> so the small built-in model <code>tiny</code> makes '
            f"the scenes: {hope if model.trained else 'it is not trained yet, expect coloured fog'}.</p>"
        )
    return (
        '<header class="fw-header"><div><h1>FlashWorld</h1>'
        "<p>One picture or one sentence, plus a camera path, becomes a 3D world to walk through.</p></div>"
        f'<span class="fw-badge">{escape(model.name)} · {where}</span></header>{note}'
    )


def drawing(path_text: str) -> str:
    """A path's drawing, or what is wrong with it."""
    try:
        path = shown(path_text)
    except RequestError as error:
        return f'<div class="fw-path">{failure(str(error), brief=True)}</div>'
    return f'<div class="fw-path">{draw(path)}<p>{escape(" · ".join(path.notes))}</p></div>'


def waiting() -> str:
    """Between the click and the visitor's turn."""
    return _card("Waiting for a free place", 0.0)


def progress(news: Progress) -> str:
    """How far a scene is."""
    label, begin = STAGES.get(news.stage, ("Working", 0.0))
    ends = [share for _, share in STAGES.values() if share > begin]
    share = begin + (min(ends, default=1.0) - begin) * news.done / max(news.total, 1)
    count = f" · {news.done} of {news.total}" if news.stage in ("denoise", "render") else ""
    return _card(label + count, share)


def finished(summary: str) -> str:
    """The status line."""
    return f'<div class="fw-card fw-done" role="status"><b>Done.</b> {escape(summary)}</div>'


def stopped() -> str:
    """After Stop."""
    return '<div class="fw-card" role="status">Stopped. Nothing of this scene was kept.</div>'


FIELDS = {
    "image_prompt": "Picture",
    "text_prompt": "Sentence",
    "camera_json": "Camera path",
    "resolution": "Size and views",
    "seed": "Seed",
    "image_index": "View that the picture shows",
}
"""Fields of a request as the page calls them."""


def failure(text: str, brief: bool = False) -> str:
    """What went wrong, a line for each fault."""
    lines = "".join(f"<li>{escape(_as_the_page_says(line))}</li>" for line in text.splitlines()[:8])
    head = "" if brief else "<b>This did not work.</b>"
    return f'<div class="fw-card fw-failed" role="alert">{head}<ul>{lines}</ul></div>'


def _as_the_page_says(fault: str) -> str:
    """A fault without the names that fields have for programs only."""
    field, colon, rest = fault.partition(": ")
    for name in FIELDS:
        rest = rest.replace(f" ({name})", "")
    return FIELDS.get(field, field) + colon + rest


def cost(seconds: int) -> str:
    """What a click asks for, where GPU seconds count."""
    return f'<p class="fw-cost">Asks for up to <b>{seconds} s</b> of your GPU time.</p>'


def view(files: dict[str, Path]) -> str:
    """The 3D view of a result in a frame of its own: the scene, where it is seen from, and its picture if any."""
    page = _served(WEB / "viewer.html")
    # Relative to the viewer's own address, so that it holds behind any proxy's prefix.
    up = "../" * page.count("/")
    named = {"scene": files["spz"], "poses": files["poses"], "image": files.get("picture")}
    where = "&".join(f"{name}={quote(up + _served(path))}" for name, path in named.items() if path)
    return (
        f'<iframe class="fw-view" title="The scene in 3D" src="gradio_api/{quote(page)}#{where}" '
        'allow="fullscreen; xr-spatial-tracking" allowfullscreen></iframe>'
    )


def _served(path: Path) -> str:
    """A file's address below `gradio_api/`; relative to the folder the program runs in, where that is above it."""
    here = Path.cwd()
    return f"file={path.relative_to(here) if path.is_relative_to(here) else path}"


def _card(label: str, share: float) -> str:
    percent = round(100 * share)
    return (
        f'<div class="fw-card" role="status"><div class="fw-label"><span>{escape(label)}</span><span>{percent} %</span>'
        f'</div><div class="fw-bar"><i style="width:{percent}%"></i></div></div>'
    )
