"""The served page, once through Gradio's client, and once in a browser."""

from __future__ import annotations

import importlib.util
import re
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from fakelocator_zoo.app.handlers import Models
from tests.inference.clips import write_clip
from tests.inference.stubs import noise

pytest.importorskip("gradio", reason="the page needs Gradio: pip install 'fakelocator-zoo[app]'")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def address(model_folder: Path) -> Iterator[str]:
    from fakelocator_zoo.app.page import served

    models = Models({"tiny": str(model_folder)})
    models.localizer("tiny")
    with served(models, "tiny", "127.0.0.1", None) as (_, address):
        yield address


class Loads(HTMLParser):
    """Addresses that a browser loads by itself when it shows a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if name in ("src", "href", "srcset", "data") and value]


def test_the_page_and_its_styles_name_no_other_host(address: str) -> None:
    with urllib.request.urlopen(address) as answer:
        policy, loaded = answer.headers["content-security-policy"], Loads(answer.read().decode()).found
    with urllib.request.urlopen(f"{address}theme.css") as answer:
        style = answer.read().decode()
    assert "default-src 'self'" in policy
    assert "http" not in policy
    assert loaded
    assert not [each for each in loaded if each.startswith(("http:", "https:", "//")) and not each.startswith(address)]
    assert not re.findall(r"""(?:url\(|@import)\s*["']?(?:https?:|//)""", style)
    assert "@font-face" not in style


def test_files_outside_the_upload_folder_are_not_served(address: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    for path in (secret, Path("/etc/passwd"), Path("pyproject.toml").resolve()):
        with pytest.raises(urllib.error.HTTPError) as raised:
            urllib.request.urlopen(f"{address}gradio_api/file={path}")
        assert raised.value.code in (403, 404)


def test_the_named_endpoints_answer(address: str, photos: list[Path]) -> None:
    from gradio_client import Client, handle_file
    from gradio_client.exceptions import AppError

    client = Client(address, verbose=False)
    endpoints = client.view_api(return_format="dict")["named_endpoints"]  # type: ignore[index]
    video = {"/locate_video"} if importlib.util.find_spec("av") else set()
    assert set(endpoints) == {"/locate", "/compare", "/adapt"} | video

    files = [handle_file(path) for path in photos]
    report, downloads, *_ = client.predict(photo=files[0], model="tiny", api_name="/locate")
    assert report["photo"] == "photo0.png"
    assert [Path(path).name for path in downloads] == ["map.png", "overlay.png", "report.json"]
    with Image.open(downloads[0]) as image:
        assert image.size == (80, 64)

    report, *_ = client.predict(real=files[0], fake=files[1], model="tiny", api_name="/compare")
    assert 0 <= report["coss"] <= 1

    report, *_ = client.predict(photos=files, labelled=files[0], label="real", model="tiny", api_name="/adapt")
    assert len(report["photos"]) == len(photos)

    if video:
        clip = write_clip(photos[0].with_name("clip.mp4"), [noise(48, 64, seed) for seed in range(3)])
        report, downloads, *_ = client.predict(video=handle_file(clip), model="tiny", api_name="/locate_video")
        assert (report["video"], report["frames"]) == ("clip.mp4", 3)
        assert [Path(path).name for path in downloads] == ["clip_overlay.mp4", "clip_frames.csv", "clip_timeline.png"]

    broken = photos[0].with_name("broken.png")
    broken.write_bytes(b"no image")
    with pytest.raises(AppError, match=r"broken\.png is not an image"):
        client.predict(photo=handle_file(broken), model="tiny", api_name="/locate")
    with pytest.raises(AppError, match="not an address"):
        client.predict(photo=handle_file("https://example.org/photo.png"), model="tiny", api_name="/locate")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="the browser test needs: pip install playwright")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("the browser test needs Chromium: apt-get install chromium")
    with playwright.sync_playwright() as started:
        try:
            browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        except playwright.Error as error:
            pytest.skip(f"Chromium does not start here: {str(error).splitlines()[0]}")
        yield browser
        browser.close()


def test_a_browser_shows_a_result_and_loads_nothing_from_elsewhere(
    address: str, browser: Any, photos: list[Path]
) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.set_default_timeout(120_000)
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.goto(address)
    page.locator("input[type=file]").first.set_input_files(photos[0])
    page.get_by_role("button", name="Locate", exact=True).press("Enter")  # the keyboard is enough
    layer = page.locator("#located .heat")
    layer.wait_for()
    before = len(requests)
    page.locator("#opacity input[type=range]").press("Home")
    page.wait_for_function("() => getComputedStyle(document.querySelector('#located .heat')).opacity === '0'")
    assert len(requests) == before  # the slider asks nobody
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")  # nothing sticks out of a phone

    broken = photos[0].with_name("broken.png")
    broken.write_bytes(b"no image")
    page.get_by_role("button", name="Remove Image").first.click()
    page.locator("input[type=file]").first.set_input_files(broken)
    page.get_by_role("button", name="Locate", exact=True).click()
    page.get_by_text("broken.png is not an image").wait_for()
    for tab, button in {"Compare": "Compare", "Adapt": "Adapt", "Video": "Locate in video"}.items():
        if tab == "Video" and importlib.util.find_spec("av") is None:
            continue
        page.get_by_role("tab", name=tab).press("Enter")
        page.get_by_role("button", name=button, exact=True).wait_for()
    assert not [url for url in requests if not url.startswith((address, "data:", "blob:"))]
