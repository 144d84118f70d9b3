"""push_to_hub and from_pretrained against a stub of the Hub's HTTP interface."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(BaseHTTPRequestHandler):
    """Repositories that can be made, committed to and read; "org/refused" takes no files."""

    files: dict[str, bytes] = {}  # noqa: RUF012
    branches: list[str] = []  # noqa: RUF012
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, body: bytes = b"{}", status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), "Content-Type": "application/json", **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_POST(self):
        size = self.headers.get("Content-Length")
        if size is not None:
            body = self.rfile.read(int(size))
        else:
            body = b""
            while length := int(self.rfile.readline(), 16):
                body += self.rfile.read(length)
                self.rfile.readline()
            self.rfile.readline()
        if "/org/refused/" in self.path:
            return self.answer(b'{"error": "Forbidden"}', 403)
        if self.path == "/api/repos/create":
            request = json.loads(body)
            name = f"{request.get('organization')}/{request['name']}"
            return self.answer(json.dumps({"url": f"http://{self.headers['Host']}/{name}", "id": name}).encode())
        if "/preupload/" in self.path:
            files = json.loads(body)["files"]
            modes = [{"path": f["path"], "uploadMode": "regular", "shouldIgnore": False} for f in files]
            return self.answer(json.dumps({"files": modes}).encode())
        if "/commit/" in self.path:
            self.branches.append(self.path.rsplit("/", 1)[1])
            for line in body.decode().splitlines():
                operation = json.loads(line)
                if operation["key"] == "file":
                    value = operation["value"]
                    type(self).files[value["path"]] = base64.b64decode(value["content"])
            url = f"http://{self.headers['Host']}/org/name/commit/{COMMIT}"
            answer = {"success": True, "commitOid": COMMIT, "commitUrl": url}
            return self.answer(json.dumps(answer).encode())
        return self.answer()

    def do_GET(self):
        name = self.path.partition("?")[0].rsplit("/", 1)[-1]
        if "/resolve/" not in self.path:
            return self.answer(json.dumps({"sha": COMMIT, "id": "org/name", "siblings": []}).encode())
        if name not in self.files:
            return self.answer(b"", 404, X_Error_Code="EntryNotFound")
        content = self.files[name]
        return self.answer(content, ETag=f'"{hashlib.sha1(content).hexdigest()}"', X_Repo_Commit=COMMIT)

    do_HEAD = do_GET


@pytest.fixture
def hub():
    Hub.files, Hub.branches = {}, []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


PUSH = """
import torch
from fakelocator_zoo.generators.network import Generator
generator = Generator(width=4)
print(generator.push_to_hub("org/name", license="mit", token="hf_t"))
again = Generator.from_pretrained("org/name@main", token="hf_t")
assert all(torch.equal(v, again.state_dict()[k]) for k, v in generator.state_dict().items())
generator.push_to_hub("org/name", branch="next", license="mit", metrics={"made": {"L1": 0.5}}, token="hf_t")
try:
    generator.push_to_hub("org/refused", token="hf_t")
except PermissionError as error:
    print(error)
"""


def test_what_is_pushed_can_be_loaded(hub, tmp_path):
    environment = {**os.environ, "HF_ENDPOINT": hub, "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "0"}
    environment |= {"HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    environment |= {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    done = subprocess.run([sys.executable, "-c", PUSH], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    url, refusal = done.stdout.strip().splitlines()
    assert url.endswith(f"/org/name/commit/{COMMIT}")
    assert refusal.startswith("org/refused was not uploaded: this token may not do that")
    assert sorted(Hub.files) == ["README.md", "config.json", "model.safetensors"]
    assert Hub.branches == ["main", "next"]
    assert b"license: mit" in Hub.files["README.md"]
    assert b"| made | 0.500 |" in Hub.files["README.md"]
