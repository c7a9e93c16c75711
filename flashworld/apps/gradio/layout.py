"""The page's components and where they stand. What they do is in `flashworld.apps.gradio.page`."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from flashworld.apps.gradio import pieces
from flashworld.apps.gradio.gallery import Example, ReadyPath
from flashworld.apps.gradio.order import Maker
from flashworld.apps.gradio.versions import plain
from flashworld.cameras.easing import EASINGS
from flashworld.cameras.templates import TEMPLATES

SIZES = {
    "704 × 480, wide": (480, 704),
    "480 × 704, tall": (704, 480),
    "512 × 512": (512, 512),
    "352 × 256, small": (256, 352),
    "256 × 352, small": (352, 256),
}
"""Width x height as a person says it, to height and width."""

FIRST_MOVEMENT = "orbit-left"


@dataclass(frozen=True)
class Inputs:
    """What a visitor can say."""

    picture: gr.Image
    prompt: gr.Textbox
    path: gr.Code
    size: gr.Dropdown
    frames: gr.Slider
    seed: gr.Number
    image_index: gr.Slider
    video: gr.Checkbox


@dataclass(frozen=True)
class PathTools:
    """The ways to a path, and its drawing."""

    drawing: gr.HTML
    gallery: gr.Gallery
    movement: gr.Dropdown
    amount: gr.Slider
    fov: gr.Slider
    easing: gr.Dropdown
    file: gr.File


@dataclass(frozen=True)
class Outputs:
    """What a visitor gets."""

    status: gr.HTML
    view: gr.HTML
    video: gr.Video
    ply: gr.DownloadButton
    spz: gr.DownloadButton
    record: gr.DownloadButton


@dataclass(frozen=True)
class Buttons:
    """What starts something."""

    generate: gr.Button
    stop: gr.Button
    dice: gr.Button


@dataclass(frozen=True)
class Page:
    """All components with a meaning."""

    inputs: Inputs
    path_tools: PathTools
    outputs: Outputs
    buttons: Buttons
    cost: gr.HTML
    examples: gr.Gallery


def lay_out(maker: Maker, paths: list[ReadyPath], shown: list[Example]) -> Page:
    """Place everything into the page that is being built."""
    gr.HTML(pieces.header(maker), elem_id="fw-head", padding=False)
    with gr.Row(equal_height=False, elem_id="fw-main"):
        with gr.Column(scale=4, min_width=340, elem_id="fw-inputs"):
            picture, prompt = _prompts()
            path_tools, path = _path(paths)
            size, frames, seed, dice, image_index, video = _options()
            cost = gr.HTML(elem_id="fw-cost", padding=False)
            with gr.Row(elem_id="fw-go"):
                generate = gr.Button("Generate", variant="primary", size="lg", scale=3, elem_id="fw-generate")
                stop = gr.Button(
                    "Stop", variant="secondary", size="lg", scale=1, min_width=90, interactive=False, elem_id="fw-stop"
                )
        with gr.Column(scale=7, min_width=340, elem_id="fw-results"):
            outputs = _results()
    gr.HTML("<h2>Begin with an example</h2>", padding=False, elem_classes="fw-title")
    gallery = gr.Gallery(
        [(str(example.thumbnail), example.name) for example in shown],
        columns=len(shown),
        elem_id="fw-examples",
        **plain(gr.Gallery, **_PICKER),
    )
    return Page(
        inputs=Inputs(picture, prompt, path, size, frames, seed, image_index, video),
        path_tools=path_tools,
        outputs=outputs,
        buttons=Buttons(generate, stop, dice),
        cost=cost,
        examples=gallery,
    )


_PICKER: dict[str, Any] = {
    "allow_preview": False,
    "show_label": False,
    "interactive": False,
    "object_fit": "cover",
    "height": "auto",
    "container": False,
}


def _prompts() -> tuple[gr.Image, gr.Textbox]:
    picture = gr.Image(
        label="Picture",
        type="filepath",
        image_mode=None,
        sources=["upload", "clipboard"],
        height=180,
        elem_id="fw-picture",
        **plain(gr.Image),
    )
    picture.preprocess = _unopened
    prompt = gr.Textbox(
        label="Sentence (beside a picture, or without one)",
        placeholder="A quiet Japanese garden with a pond and stone lanterns in autumn",
        lines=2,
        max_length=10_000,
        elem_id="fw-prompt",
    )
    return picture, prompt


def _unopened(payload: Any) -> str | None:
    """Where Gradio has stored an uploaded picture; it is judged with the rest of the order, in words."""
    return None if payload is None else payload.path


def _path(paths: list[ReadyPath]) -> tuple[PathTools, gr.Code]:
    with gr.Group(elem_id="fw-path"):
        drawing = gr.HTML(pieces.drawing(paths[0].text), elem_id="fw-drawing", padding=False)
        with gr.Tabs():
            with gr.Tab("Paths"):
                gallery = gr.Gallery(
                    [(str(path.drawing), path.name) for path in paths],
                    columns=5,
                    elem_id="fw-paths",
                    **plain(gr.Gallery, **{**_PICKER, "object_fit": "contain"}),
                )
            with gr.Tab("Movement"):
                movement, amount, fov, easing = _movement()
            with gr.Tab("File"):
                file = gr.File(
                    label="Our JSON, a record, nerfstudio's transforms.json, COLMAP's cameras.txt with images.txt",
                    file_count="multiple",
                    file_types=[".json", ".txt"],
                    height=150,
                    elem_id="fw-file",
                )
            with gr.Tab("JSON"):
                path = gr.Code(
                    paths[0].text, language="json", show_label=False, lines=8, max_lines=12, elem_id="fw-json"
                )
    return PathTools(drawing, gallery, movement, amount, fov, easing, file), path


def _movement() -> tuple[gr.Dropdown, gr.Slider, gr.Slider, gr.Dropdown]:
    choices = [(f"{name}: {template.description}", name) for name, template in TEMPLATES.items()]
    movement = gr.Dropdown(choices, value=FIRST_MOVEMENT, label="Movement", elem_id="fw-movement")
    amount = gr.Slider(**amount_of(FIRST_MOVEMENT), elem_id="fw-amount", **plain(gr.Slider))
    with gr.Row():
        fov = gr.Slider(30, 110, value=70, step=1, label="Field of view, °", min_width=140, **plain(gr.Slider))
        easing = gr.Dropdown(list(EASINGS), value="ease-in-out", label="Easing", min_width=140)
    return movement, amount, fov, easing


def amount_of(name: str) -> dict[str, Any]:
    """The slider of a movement's amount; lengths go up to five times the default, which is far in a scene."""
    template = TEMPLATES[name]
    turns = template.unit.startswith("degrees")
    return {
        "minimum": template.smallest if turns else 0.05,
        "maximum": template.largest if turns else 5 * template.default,
        "value": template.default,
        "step": 1 if turns else 0.05,
        "label": f"How far, {template.unit}",
    }


def _options() -> tuple[gr.Dropdown, gr.Slider, gr.Number, gr.Button, gr.Slider, gr.Checkbox]:
    with gr.Row():
        size = gr.Dropdown(list(SIZES), value=next(iter(SIZES)), label="Size", min_width=190, elem_id="fw-size")
        frames = gr.Slider(
            2, 24, value=24, step=1, label="Views", min_width=190, elem_id="fw-frames", **plain(gr.Slider)
        )
    with gr.Accordion("More", open=False, elem_id="fw-more"):
        with gr.Row(elem_id="fw-seedrow"):
            seed = gr.Number(
                label="Seed",
                info="The same number gives the same scene.",
                precision=0,
                minimum=0,
                scale=4,
                elem_id="fw-seed",
            )
            dice = gr.Button("⚄", scale=0, min_width=52, elem_id="fw-dice")
        image_index = gr.Slider(
            0, 23, value=0, step=1, label="View that the picture shows", elem_id="fw-index", **plain(gr.Slider)
        )
        video = gr.Checkbox(value=True, label="Film the flight along the path", elem_id="fw-film")
    return size, frames, seed, dice, image_index, video


def _results() -> Outputs:
    view = gr.HTML(pieces.EMPTY_VIEW, elem_id="fw-view", padding=False)
    status = gr.HTML(elem_id="fw-status", padding=False)
    with gr.Row(equal_height=False):
        with gr.Column(scale=3, min_width=300):
            video = gr.Video(
                label="Flight along the path", interactive=False, autoplay=True, loop=True, elem_id="fw-video",
                **plain(gr.Video),
            )  # fmt: skip
        with gr.Column(scale=2, min_width=220):
            ply = gr.DownloadButton("⬇ PLY, for Blender and Unity", interactive=False, elem_id="fw-ply")
            spz = gr.DownloadButton("⬇ SPZ, small, for the web", interactive=False, elem_id="fw-spz")
            record = gr.DownloadButton("⬇ Record, makes it again", interactive=False, elem_id="fw-record")
            gr.HTML(
                "<p class='fw-hint'>Results stay here for an hour, your newest four. The published weights are for "
                "non-commercial use.</p>",
                padding=False,
            )
    return Outputs(status, view, video, ply, spz, record)
