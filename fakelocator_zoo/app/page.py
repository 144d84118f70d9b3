"""The page: its tabs over the functions of `handlers`, and its server. Needs Gradio (the extra `app`)."""

from __future__ import annotations

import importlib.util
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import gradio as gr
from starlette.middleware import Middleware

from fakelocator_zoo.app import handlers
from fakelocator_zoo.app.limits import (
    KEEP_SECONDS,
    MAX_BYTES,
    MAX_FRAMES,
    MAX_PHOTOS,
    MAX_WAITING,
    ContentPolicy,
    Worker,
)
from fakelocator_zoo.app.picture import INITIAL_OPACITY, OPACITY, STYLE

T = TypeVar("T")
C = TypeVar("C", bound=gr.blocks.Block)

_TITLE = "FakeLocator"
_ABOUT = """
- **P(fake)** is how likely a generator made or changed a part of the face, as far as this model can tell. It was
  fitted on the photos and generators that its card names; a generator unlike those may go unseen.
- **real** means that no traces were found. It is no proof: strong compression, a smaller copy or a screenshot removes
  traces. **fake** is evidence and no proof either: retouching, filters and unusual cameras may look alike.
- **unsure** and **not judged** are answers too; the reason stands beside them.
- **The heat map** shows the expected change of each pixel, from 0 (none) to 1. Full colour begins at 0.1; the scale
  never depends on the photo.
- Give the original file. Cropping is harmless; shrinking and saving as JPEG again are not.
- Do not decide about a person by these numbers alone.
"""
_SLIDE = f"opacity => {{ document.documentElement.style.setProperty('{OPACITY}', opacity); return [] }}"
_NO_CARD = "This model has no card."


def build_page(models: handlers.Models, model: str, folder: Path) -> gr.Blocks:
    """The page, not yet served.

    Args:
        models: those to choose from.
        model: the one that is chosen at first.
        folder: for results; Gradio deletes them after :data:`~fakelocator_zoo.app.limits.KEEP_SECONDS`.
    """
    worker = Worker()

    def locate(photo: str | None, model: str) -> tuple[Any, ...]:
        return _run(worker, lambda: handlers.locate(photo, models.localizer(model), model, folder))

    def locate_video(video: str | None, model: str) -> tuple[Any, ...]:
        return _run(worker, lambda: handlers.locate_video(video, models.localizer(model), model, folder))

    def compare(real: str | None, fake: str | None, model: str) -> tuple[Any, ...]:
        return _run(worker, lambda: handlers.compare(real, fake, models.localizer(model), model))

    def adapt(photos: list[str] | None, labelled: str | None, label: str, model: str) -> tuple[Any, ...]:
        return _run(worker, lambda: handlers.adapt(photos, labelled, label, models, model, folder))

    def example() -> tuple[str, str]:
        return _run(worker, lambda: handlers.demo_pair(folder))

    with gr.Blocks(title=_TITLE, analytics_enabled=False, delete_cache=(60, KEEP_SECONDS)) as page:
        gr.Markdown(
            f"# {_TITLE}\nWhich pixels of a face did a generator make? Photos are read by this server alone, and "
            f"deleted after {KEEP_SECONDS // 60} minutes."
        )
        chosen = gr.Dropdown(list(models.sources), value=model, label="Model", elem_id="model")
        with gr.Accordion("Card of the model", open=False):
            card = gr.Markdown(models.card(model) or _NO_CARD, max_height=480)
        chosen.change(
            lambda name: models.card(name) or _NO_CARD, chosen, card, api_visibility="private", show_progress="hidden"
        )
        with gr.Tab("Locate"):
            _locate_tab(chosen, locate, example)
        with gr.Tab("Compare"):
            _compare_tab(chosen, compare, example)
        with gr.Tab("Adapt"):
            _adapt_tab(chosen, adapt)
        if importlib.util.find_spec("av") is not None:  # the extra `video`
            with gr.Tab("Video"):
                _video_tab(chosen, locate_video)
        with gr.Accordion("What the numbers mean, and what they do not", open=False):
            gr.Markdown(_ABOUT)
    return page.queue(max_size=MAX_WAITING, default_concurrency_limit=1, api_open=False)


@contextmanager
def served(models: handlers.Models, model: str, host: str, port: int | None) -> Iterator[tuple[gr.Blocks, str]]:
    """The running page and its address; at the end it is closed, and its folder of uploads and results deleted.

    Args:
        models, model: as in :func:`build_page`.
        host, port: where to listen; with port None on the first free one from 7860.

    Raises:
        OSError: where the port is taken.
    """
    with tempfile.TemporaryDirectory(prefix="fakelocator-page-", ignore_cleanup_errors=True) as folder:
        # Gradio reads these when components are built and when it starts.
        os.environ |= {"GRADIO_TEMP_DIR": folder, "GRADIO_ANALYTICS_ENABLED": "False"}
        page = build_page(models, model, Path(folder).resolve())
        _, address, _ = page.launch(
            server_name=host,
            server_port=port,
            share=False,
            quiet=True,
            prevent_thread_lock=True,
            allowed_paths=[],
            max_file_size=MAX_BYTES,
            show_error=False,
            ssr_mode=False,
            enable_monitoring=False,
            run_history=False,
            footer_links=[],
            # Gradio's default theme would load its fonts.
            theme=gr.themes.Default(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]),
            css=STYLE,
            app_kwargs={"middleware": [Middleware(ContentPolicy)]},
        )
        try:
            yield page, address
        finally:
            page.close(verbose=False)


def _locate_tab(chosen: gr.Dropdown, locate: Callable[..., Any], example: Callable[[], tuple[str, str]]) -> None:
    with gr.Row():
        with gr.Column(min_width=280):
            photo = _photo("Photo")
            button = gr.Button("Locate", variant="primary")
            sample = gr.Button("Example: a portrait whose face a generator repainted", size="sm")
        with gr.Column(min_width=280, scale=2):
            words = gr.Markdown("Give a photo, and press Locate.")
            with gr.Column(visible=False) as results:
                picture = gr.HTML(elem_id="located")
                opacity = gr.Slider(
                    0, 1, INITIAL_OPACITY, step=0.05, label="Opacity of the heat map", elem_id="opacity"
                )
                maps = _pictures("What the map was made of")
                files = gr.File(
                    label="Downloads: map (16 bits), overlay, report", file_count="multiple", interactive=False
                )
                report = _report()
    opacity.input(None, opacity, None, js=_SLIDE)
    sample.click(lambda: example()[1], None, photo, api_visibility="private")
    _on_click(button, locate, [photo, chosen], [report, files, picture, words, maps], results)


def _compare_tab(chosen: gr.Dropdown, compare: Callable[..., Any], example: Callable[[], tuple[str, str]]) -> None:
    with gr.Row():
        real, fake = _photo("Real"), _photo("Manipulated, of the same size")
    button = gr.Button("Compare", variant="primary")
    sample = gr.Button("Example: a portrait, and the same with a repainted face", size="sm")
    words = gr.Markdown()
    with gr.Column(visible=False) as results:
        pictures = _pictures("True and located map")
        report = _report()
    sample.click(example, None, [real, fake], api_visibility="private")
    _on_click(button, compare, [real, fake, chosen], [report, words, pictures], results)


def _adapt_tab(chosen: gr.Dropdown, adapt: Callable[..., Any]) -> None:
    gr.Markdown(
        "Label photos from a generator that no model knows. Their features are clustered into two groups, and one "
        f"photo whose label you know names both. Give 3 to {MAX_PHOTOS} photos, real and fake mixed; some dozens are "
        "needed for clear clusters."
    )
    with gr.Row():
        photos = _uploads_alone(
            gr.File(label="Photos, real and fake mixed", file_count="multiple", file_types=["image"], height=320)
        )
        with gr.Column(min_width=280):
            labelled = _photo("A photo whose label you know")
            label = gr.Radio(["fake", "real"], value="fake", label="It is")
    button = gr.Button("Adapt", variant="primary")
    words = gr.Markdown()
    with gr.Column(visible=False) as results:
        scatter = gr.Image(
            label="Embedding of the features", show_label=False, format="png", interactive=False, buttons=["download"]
        )  # a label would cover the legend
        files = gr.File(
            label="Downloads: labels; adapter for fakelocator locate --adapter",
            file_count="multiple",
            interactive=False,
        )
        report = _report()
    _on_click(button, adapt, [photos, labelled, label, chosen], [report, files, scatter, words], results)


def _video_tab(chosen: gr.Dropdown, locate_video: Callable[..., Any]) -> None:
    gr.Markdown(
        f"Every face is followed from frame to frame; of a long video {MAX_FRAMES} frames are scored, evenly spaced. "
        "Give the original file: portals and messengers compress videos anew, which removes traces."
    )
    with gr.Row():
        with gr.Column(min_width=280):
            video = _uploads_alone(gr.File(label="Video", file_types=["video"]))
            button = gr.Button("Locate in video", variant="primary")
        with gr.Column(min_width=280, scale=2):
            words = gr.Markdown("Give a video, and press Locate in video.")
            with gr.Column(visible=False) as results:
                overlay = gr.Video(label="Overlay", interactive=False)
                timeline = gr.Image(label="P(fake) of each face over time", format="png", interactive=False)
                files = gr.File(
                    label="Downloads: overlay, frames and faces, timeline", file_count="multiple", interactive=False
                )
                report = _report()
    _on_click(button, locate_video, [video, chosen], [report, files, overlay, timeline, words], results)


def _photo(label: str) -> gr.Image:
    """A photo to drop, paste or take."""
    return _uploads_alone(gr.Image(label=label, type="filepath", height=320, buttons=["fullscreen"]))


def _uploads_alone(component: C) -> C:
    """An input whose value is the paths of uploaded files as they are; the server fetches no address for anybody.

    Gradio's own ``preprocess`` encodes some photos anew, which removes traces, and leaves files behind. The methods are
    set on the component: Gradio writes a file beside the module of every class that inherits from one of its own.
    """
    move = component.async_move_resource_to_block_cache

    async def move_upload(path: str | Path | None) -> str | None:
        if str(path).lower().startswith(("http:", "https:")):
            raise gr.Error("give a photo, not an address", print_exception=False)
        return await move(path)

    vars(component).update(async_move_resource_to_block_cache=move_upload, preprocess=_paths)
    return component


def _paths(upload: Any) -> Any:
    """The path of an upload, a list of them where there are several, or None."""
    if hasattr(upload, "root"):
        return [_paths(each) for each in upload.root]
    return None if upload is None else upload.path


def _pictures(label: str) -> gr.Gallery:
    return gr.Gallery(label=label, height="auto", object_fit="contain", interactive=False, elem_classes="maps")


def _report() -> gr.JSON:
    with gr.Accordion("Report", open=False):
        return gr.JSON(show_label=False)


def _on_click(
    button: gr.Button, function: Callable[..., Any], inputs: list[Any], outputs: list[Any], results: gr.Column
) -> None:
    """A named endpoint, all of which take turns in one bounded queue; ``results`` appear with the first."""
    clicked = button.click(
        function, inputs, outputs, api_name=function.__name__, concurrency_id="model", concurrency_limit=1
    )
    clicked.success(lambda: gr.Column(visible=True), None, results, api_visibility="private", queue=False)


def _run(worker: Worker, function: Callable[[], T]) -> T:
    """The function's result; what a user can do something about is shown as one sentence, and nothing is logged."""
    try:
        return worker.run(function)
    except (ValueError, OSError, ImportError) as error:
        raise gr.Error(str(error), title="Not possible", print_exception=False) from None
