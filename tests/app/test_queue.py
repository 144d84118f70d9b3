"""The page under load, and what is left of it at the end."""

from __future__ import annotations

import os
import threading
from concurrent.futures import FIRST_COMPLETED, wait
from pathlib import Path
from typing import Any

import pytest

from fakelocator_zoo.app.handlers import Models
from fakelocator_zoo.inference.localizer import Localizer

pytest.importorskip("gradio", reason="the page needs Gradio: pip install 'fakelocator-zoo[app]'")


class SlowModels(Models):
    """Models that wait until they are let go on."""

    def __init__(self, models: Models) -> None:
        super().__init__(models.sources)
        self.started, self.go_on = threading.Event(), threading.Event()

    def localizer(self, name: str) -> Localizer:
        self.started.set()
        self.go_on.wait(60)
        return super().localizer(name)


@pytest.mark.slow
def test_a_full_queue_says_so_the_rest_is_served_and_nothing_stays_on_disk(
    models: Models, photos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from gradio_client import Client, handle_file

    from fakelocator_zoo.app import page

    monkeypatch.setattr(page, "MAX_WAITING", 1)
    slow = SlowModels(models)
    with page.served(slow, "tiny", "127.0.0.1", None) as (_, address):
        folder = Path(os.environ["GRADIO_TEMP_DIR"])
        client = Client(address, verbose=False)

        def ask() -> Any:
            return client.submit(photo=handle_file(photos[0]), model="tiny", api_name="/locate")

        running = ask()
        assert slow.started.wait(60)
        # One of them waits; which one, the upload decides.
        refused = wait([ask().future for _ in range(3)], timeout=60, return_when=FIRST_COMPLETED).done
        slow.go_on.set()
        assert refused
        assert all("full" in str(each.exception()) for each in refused)
        assert running.result(timeout=60)[0]["photo"] == "photo0.png"
        assert list(folder.rglob("map.png"))
    assert not folder.exists()
