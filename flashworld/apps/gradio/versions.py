"""What Gradio 5.49 and 6 spell differently. Nothing else in this package knows which of them is here."""

import inspect
from pathlib import Path
from typing import Any

import gradio as gr
from gradio import themes

_BLOCKS = inspect.signature(gr.Blocks.__init__).parameters
_CLICK = inspect.signature(gr.Button.click).parameters

PRIVATE: dict[str, Any] = {"api_visibility": "private"} if "api_visibility" in _CLICK else {"api_name": False}
"""For events that belong to the page and are no part of the API."""


def blocks_with_style(title: str, theme: themes.Base, css: Path, **options: Any) -> tuple[gr.Blocks, dict[str, Any]]:
    """A page of a theme, and what `launch` needs for it: Gradio 5 takes the style at once, Gradio 6 at launch."""
    style = {"theme": theme, "css_paths": [css]}
    if "theme" in _BLOCKS:
        return gr.Blocks(title=title, **style, **options), {}
    return gr.Blocks(title=title, **options), style


def plain(component: type[Any], **options: Any) -> dict[str, Any]:
    """`options` for a component without the small buttons over it, as each version asks for that."""
    names = inspect.signature(component.__init__).parameters
    if "buttons" in names:
        return {**options, "buttons": []}
    buttons = ("show_share_button", "show_download_button", "show_reset_button")
    return {**options, **{name: False for name in buttons if name in names}}
