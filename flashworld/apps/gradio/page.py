"""The page: who hears of which click. Components are laid out in `flashworld.apps.gradio.layout`."""

import secrets
from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import gradio as gr
from gradio import themes

from flashworld.apps.gradio import api, pieces, published
from flashworld.apps.gradio.budget import MOST_FRAMES, duration
from flashworld.apps.gradio.gallery import Example, ReadyPath, examples, ready_paths
from flashworld.apps.gradio.layout import SIZES, Page, amount_of, lay_out
from flashworld.apps.gradio.order import picture_of, take_order, workload_of
from flashworld.apps.gradio.paths import from_files, from_template
from flashworld.apps.gradio.serving import AT_ONCE, Finished, News, Service, Waiting, serve, summary
from flashworld.apps.gradio.troubles import sentence_for
from flashworld.apps.gradio.versions import PRIVATE, blocks_with_style
from flashworld.apps.gradio.visits import Errand, until, visitor_of
from flashworld.errors import Cancelled, FlashWorldError
from flashworld.events import Progress

LINE = {"concurrency_id": "gpu", "concurrency_limit": AT_ONCE}
"""All doors stand in one queue, first come, first served."""

FONTS, MONO = ("system-ui", "-apple-system", "Segoe UI", "sans-serif"), ("ui-monospace", "Menlo", "monospace")
"""Of the visitor's own system: a page that fetches fonts from elsewhere tells that elsewhere who looks at it."""

LEGIBLE = {
    "body_text_color_subdued": "*neutral_600",
    "input_placeholder_color": "*neutral_500",
    "button_primary_background_fill": "*primary_600",
    "button_primary_background_fill_hover": "*primary_700",
}
"""By day the theme's own colours are too pale for small text; by night they are not."""

QUIET: dict[str, Any] = {"queue": False, "show_progress": "hidden", **PRIVATE}
"""For events that are over before anyone would look."""


def build(service: Service) -> tuple[gr.Blocks, dict[str, Any]]:
    """The whole page with its interfaces, and what else `launch` has to be given."""
    drawings = service.shelf.root / "drawings"
    gr.set_static_paths([pieces.WEB, drawings])
    paths = ready_paths(drawings)
    shown = examples(drawings)
    theme = themes.Default(
        primary_hue="blue", secondary_hue="emerald", neutral_hue="slate", radius_size="lg", font=FONTS, font_mono=MONO
    ).set(**LEGIBLE)
    blocks, style = blocks_with_style(
        "FlashWorld", theme, Path(__file__).parent / "page.css", analytics_enabled=False, fill_width=True
    )
    with blocks:
        page = lay_out(service.maker, paths, shown)
        _choose_paths(page, paths)
        _choose_examples(page, shown)
        _choose_options(page, service)
        blocks.load(_draw_seed, None, page.inputs.seed, **QUIET)
        _generate(page, service)
        api.offer(service, **LINE)
        published.offer(service, **LINE)
    blocks.queue(max_size=64, api_open=False)
    return blocks, style


def _choose_paths(page: Page, paths: list[ReadyPath]) -> None:
    """Whatever makes a path fills the text; the text is drawn."""
    tools, text = page.path_tools, page.inputs.path

    def pick(event: gr.SelectData) -> str:
        return paths[event.index].text

    def move(name: str, amount: float, fov: float, easing: str, size: str, frames: int) -> Any:
        try:
            return from_template(name, amount, fov, easing, max(int(frames), 2), SIZES[size])
        except FlashWorldError as error:
            gr.Warning(str(error))
            return gr.skip()

    def read(files: list[str] | None) -> Any:
        if not files:
            return gr.skip()
        try:
            return from_files(files)
        except FlashWorldError as error:
            gr.Warning(str(error))
            return gr.skip()

    settings = [tools.movement, tools.amount, tools.fov, tools.easing, page.inputs.size, page.inputs.frames]
    tools.gallery.select(pick, None, text, **QUIET)
    tools.movement.input(lambda name: gr.Slider(**amount_of(name)), tools.movement, tools.amount, **QUIET).then(
        move, settings, text, **QUIET
    )
    for slider in (tools.amount, tools.fov):
        slider.release(move, settings, text, **QUIET)
    tools.easing.input(move, settings, text, **QUIET)
    tools.file.upload(read, tools.file, text, **QUIET)
    text.change(pieces.drawing, text, tools.drawing, **{**QUIET, "trigger_mode": "always_last"})


def _choose_examples(page: Page, shown: list[Example]) -> None:
    def pick(event: gr.SelectData) -> tuple[str | None, str, str]:
        example = shown[event.index]
        return (str(example.picture) if example.picture else None), example.prompt, example.path

    inputs = page.inputs
    chosen = page.examples.select(pick, None, [inputs.picture, inputs.prompt, inputs.path], **QUIET)
    # The examples stand below the inputs that they fill, on a phone some screens below.
    chosen.then(None, js="() => { document.getElementById('fw-inputs').scrollIntoView(); return []; }", **QUIET)


def _draw_seed() -> int:
    return secrets.randbelow(2**31)


def _choose_options(page: Page, service: Service) -> None:
    inputs = page.inputs
    page.buttons.dice.click(_draw_seed, None, inputs.seed, **QUIET)
    inputs.frames.change(
        lambda frames: gr.Slider(maximum=max(int(frames) - 1, 1)), inputs.frames, inputs.image_index, **QUIET
    )
    if not service.maker.hosted:
        return

    def ask(size: str, frames: int, video: bool) -> str:
        return pieces.cost(duration(workload_of(service.maker, (int(frames), *SIZES[size]), video=video)))

    asked = [inputs.size, inputs.frames, inputs.video]
    for component in asked:
        component.change(ask, asked, page.cost, **QUIET)
    page.cost.value = ask(next(iter(SIZES)), MOST_FRAMES, True)


def _generate(page: Page, service: Service) -> None:
    """From the click to the files; Stop ends it at the next piece of news."""
    inputs, outputs, buttons = page.inputs, page.outputs, page.buttons
    errand = gr.State(Errand())

    def begin() -> dict[Any, Any]:
        switched = {buttons.generate: _active(False), buttons.stop: _active(True)}
        return {errand: Errand(), outputs.status: pieces.waiting(), **switched}

    def run(
        picture: str | None,
        prompt: str,
        path: str,
        size: str,
        frames: int,
        seed: float | None,
        image_index: int,
        video: bool,
        errand: Errand,
        request: gr.Request,
    ) -> Iterator[dict[Any, Any]]:
        try:
            order = take_order(
                service.maker,
                picture_of(picture),
                prompt,
                path,
                [int(frames), *SIZES[size]],
                seed=None if seed is None else int(seed),
                image_index=min(int(image_index), int(frames) - 1),
                video=video,
            )
            told = serve(service, order, visitor_of(request))
            yield from _tell(page, until(lambda: errand.called_off, told))
        except Cancelled:
            yield {outputs.status: pieces.stopped()}
        except Exception as error:
            yield {outputs.status: pieces.failure(sentence_for(error))}

    def end() -> dict[Any, Any]:
        return {buttons.generate: _active(True), buttons.stop: _active(False)}

    def stopped(errand: Errand) -> dict[Any, Any]:
        errand.called_off = True
        return {outputs.status: pieces.stopped(), **end()}

    asked = [
        inputs.picture,
        inputs.prompt,
        inputs.path,
        inputs.size,
        inputs.frames,
        inputs.seed,
        inputs.image_index,
        inputs.video,
        errand,
    ]
    told = [outputs.status, outputs.view, outputs.video, outputs.ply, outputs.spz, outputs.record]
    switched = [buttons.generate, buttons.stop]
    running = buttons.generate.click(begin, None, [errand, outputs.status, *switched], **QUIET).then(
        run,
        asked,
        told,
        show_progress="minimal",
        show_progress_on=outputs.status,
        **LINE,
        **PRIVATE,
    )
    running.then(end, None, switched, **QUIET)
    buttons.stop.click(stopped, errand, [outputs.status, *switched], cancels=[running], **QUIET)


def _tell(page: Page, told: Generator[News, None, None]) -> Iterator[dict[Any, Any]]:
    """News of a scene as changes of the page; each file shows as soon as it is there.

    Until the first one is, the scene before stays. What is there already is said again each time: of two pieces of news
    in quick succession, the browser may only take in the second.
    """
    outputs = page.outputs
    buttons = {"ply": outputs.ply, "spz": outputs.spz, "record": outputs.record}
    files: dict[str, Path] = {}
    now: dict[Any, Any] = {}
    with closing(told):
        for news in told:
            if isinstance(news, Waiting):
                now[outputs.status] = pieces.waiting()
            elif isinstance(news, Progress):
                now[outputs.status] = pieces.progress(news)
            elif isinstance(news, Finished):
                now[outputs.status] = pieces.finished(summary(news))
            else:
                files[news.kind] = news.path
                now |= {button: _download(files.get(kind)) for kind, button in buttons.items()}
                now[outputs.video] = str(files["mp4"]) if "mp4" in files else None
                if "spz" in files:
                    now[outputs.view] = pieces.view(files)
            yield dict(now)


def _download(path: Path | None) -> Any:
    return gr.DownloadButton(value=None if path is None else str(path), interactive=path is not None)


def _active(value: bool) -> Any:
    return gr.Button(interactive=value)
