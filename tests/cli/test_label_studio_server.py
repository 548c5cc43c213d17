"""A real Label Studio: rows are pushed to it, two people answer there, and every answer counts once.

It is installed into pytest's cache, in an environment of its own (1 GB, a minute or two;
`pytest -o cache_dir=DIR` keeps it elsewhere), and listens on the loopback address only.
"""

from __future__ import annotations

import csv
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from filelock import FileLock

VERSION = "1.23.2"
LEGACY = "0123456789abcdef0123456789abcdef01234567"
CLASSES = ["pets", "food"]
DOCUMENT = Path(__file__).parents[2] / "docs" / "label-studio.md"
_UNREACHABLE = ("NewConnectionError", "ConnectTimeoutError", "NameResolutionError", "ProxyError")
_QUIET = {"SENTRY_DSN": "", "FRONTEND_SENTRY_DSN": "", "COLLECT_ANALYTICS": "0", "LATEST_VERSION_CHECK": "0"}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


def _installed(folder: Path) -> Path:
    """An environment with Label Studio, and a new database: made once, for all workers and runs."""
    with FileLock(folder / "lock"):
        if (folder / "ready").exists():
            return folder
        python = folder / "env/bin/python"
        subprocess.run([sys.executable, "-m", "venv", folder / "env"], check=True)
        command = [python, "-m", "pip", "install", "--quiet", f"label-studio=={VERSION}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode and any(sign in done.stderr for sign in _UNREACHABLE):
            pytest.skip(f"the package index cannot be reached: {done.stderr.splitlines()[-1]}")
        assert done.returncode == 0, done.stderr
        shutil.rmtree(folder / "data", ignore_errors=True)
        (folder / "data").mkdir()
        with _running(folder, folder / "data"):
            pass
        (folder / "ready").touch()
    return folder


@contextmanager
def _running(folder: Path, data: Path) -> Iterator[str]:
    """The server's address, once it answers there; it ends with the block."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    user = ["--username", "a@example.test", "--password", "pw-for-test-1", "--user-token", LEGACY]
    command = [folder / "env/bin/label-studio", "start", "--no-browser", "--internal-host", "127.0.0.1"]
    command += ["--port", str(port), "--data-dir", data, *user, "--enable-legacy-api-token"]
    home = {"PATH": os.environ["PATH"], "HOME": str(data), "LABEL_STUDIO_BASE_DATA_DIR": str(data)}
    with (data / "server.log").open("w") as log:
        process = subprocess.Popen(command, env=_QUIET | home, stdout=log, stderr=log, start_new_session=True)
    try:
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 900
        while not _is_up(url):
            assert process.poll() is None, (data / "server.log").read_text()
            assert time.monotonic() < deadline, (data / "server.log").read_text()
            time.sleep(0.5)
        yield url
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _is_up(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", timeout=5, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


class Person:
    """Somebody at the server, by its API."""

    def __init__(self, url: str, authorization: str) -> None:
        self.client = httpx.Client(
            base_url=url, headers={"Authorization": authorization}, timeout=120, trust_env=False
        )

    def call(self, method: str, path: str, body: Any = None, **parameters: Any) -> Any:
        answer = self.client.request(method, path, json=body, params=parameters)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def tasks(self, project: int) -> dict[str, dict[str, Any]]:
        """Task by row; each row is one task."""
        found = self.call("GET", "/api/tasks", project=project, page_size=10_000, fields="all")["tasks"]
        assert set(Counter(task["data"]["alcli_id"] for task in found).values()) <= {1}
        return {task["data"]["alcli_id"]: task for task in found}

    def answer(self, task: int, label: str | None, **more: Any) -> int:
        """The number of the annotation."""
        value = {"from_name": "label", "to_name": "text", "type": "choices", "value": {"choices": [label]}}
        body = {"result": [value] if label else [], "lead_time": 1.5, "was_cancelled": False, **more}
        return int(self.call("POST", f"/api/tasks/{task}/annotations/", body)["id"])


class Studio:
    """The server with its two people: the one who set it up, and one who was invited."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.first = Person(url, f"Token {LEGACY}")
        self.personal = self._invited()
        bought = self.first.call("POST", "/api/token/refresh", {"refresh": self.personal})
        self.second = Person(url, f"Bearer {bought['access']}")

    def _invited(self) -> str:
        """Sign up by invitation; returns the new user's personal access token."""
        page = self.first.call("GET", "/api/invite")["invite_url"]
        with httpx.Client(base_url=self.url, timeout=120, trust_env=False) as browser:
            form = browser.get(page).text
            hidden = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form)
            assert hidden is not None
            fields = {
                "csrfmiddlewaretoken": hidden[1],
                "email": "b@example.test",
                "password": "pw-for-test-2",
            }
            assert browser.post(page, data=fields, headers={"Referer": self.url + page}).status_code == 302
            signed = {"X-CSRFToken": browser.cookies["csrftoken"], "Referer": self.url}
            return str(browser.post("/api/token/", headers=signed).json()["token"])


@pytest.fixture(scope="module")
def studio(request, tmp_path_factory):
    folder = _installed(Path(request.config.cache.mkdir(f"label-studio-{VERSION}")))
    data = tmp_path_factory.mktemp("studio") / "data"
    shutil.copytree(folder / "data", data)
    with _running(folder, data) as url:
        studio = Studio(url)
        yield studio
        studio.first.client.close()
        studio.second.client.close()


@pytest.fixture
def there(studio, monkeypatch):
    """The same server, named in the environment as a user would."""
    monkeypatch.setenv("LABEL_STUDIO_URL", studio.url)
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", LEGACY)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return studio


def topic(id_):
    return CLASSES[int(id_.removeprefix("r")) % 2]


def answers_of(loop):
    names = ("id", "annotator", "label", "status", "labeled_at", "seconds")
    return sorted(tuple(str(row[name]) for name in names) for row in loop.ledger())


def test_two_people_answer_and_by_file_or_by_pull_every_answer_counts_once(at, there, monkeypatch, tmp_path):
    loop = at("new")
    loop.config(task={"classes": CLASSES})
    loop.alcli("seed")
    by_file = type(loop)(tmp_path / "by-file")
    shutil.copytree(loop.root, by_file.root)
    project = loop.doc("push")["project"]
    tasks = there.first.tasks(project)
    assert list(tasks) == loop.asked()

    def exported():
        export = there.first.call("GET", f"/api/projects/{project}/export", exportType="JSON")
        return by_file.write("export.json", json.dumps(export))

    agreed, torn, skipped, empty, unanswered, drafted, *others = tasks
    numbers = {id_: task["id"] for id_, task in tasks.items()}
    for id_ in (agreed, torn, *others):
        there.first.answer(numbers[id_], topic(id_))
    there.second.answer(numbers[agreed], topic(agreed))
    changed = there.second.answer(numbers[torn], CLASSES[1 - CLASSES.index(topic(torn))])
    there.second.answer(numbers[skipped], "pets", was_cancelled=True)
    there.first.answer(numbers[empty], None)
    there.first.call("POST", f"/api/tasks/{numbers[drafted]}/drafts", {"result": [], "lead_time": 1})
    assert not there.first.tasks(project)[unanswered]["annotations"]

    taken = by_file.doc("ingest", exported())["counts"]
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", there.personal)  # the other kind of token, of the other user
    pulled = loop.doc("pull")["counts"]
    assert taken["new"] == pulled["new"] == len(others) + 5
    assert (pulled["disputed"], pulled["skipped"], pulled["pending"]) == (1, 1, 3)
    assert loop.labels() == by_file.labels() == {id_: topic(id_) for id_ in (agreed, *others)}
    assert answers_of(loop) == answers_of(by_file)
    tree = loop.tree()
    assert not loop.doc("pull")["changed"]
    assert loop.tree() == tree
    assert loop.doc("ingest", by_file.root / "export.json")["counts"]["new"] == 0

    value = {"from_name": "label", "to_name": "text", "type": "choices", "value": {"choices": [topic(torn)]}}
    there.second.call("PATCH", f"/api/annotations/{changed}/", {"result": [value]})
    assert loop.doc("pull")["counts"]["changed"] == 1
    assert by_file.doc("ingest", exported())["counts"]["changed"] == 1
    assert loop.labels() == by_file.labels() == {id_: topic(id_) for id_ in (agreed, torn, *others)}

    for one in (loop, by_file):
        for step in ("train", "score", "query"):
            one.alcli(step)
    assert loop.asked(1) == by_file.asked(1)
    assert loop.doc("push")["counts"] == {"tasks": 9, "new": 6, "known": 3}
    tasks = there.first.tasks(project)
    assert len(tasks) == 26
    for id_ in loop.asked(1):
        there.second.answer(tasks[id_]["id"], topic(id_))
    assert loop.doc("pull")["counts"]["new"] == 6
    assert by_file.doc("ingest", exported())["counts"]["new"] == 6
    assert loop.labels() == by_file.labels()
    assert answers_of(loop) == answers_of(by_file)
    assert (
        max(Counter((row["id"], row["annotator"]) for row in loop.ledger() if row["id"] != torn).values())
        == 1
    )


def test_what_was_deleted_or_renamed_there_is_noticed(at, there):
    loop = at("seeded")
    loop.config(task={"classes": CLASSES})
    project = loop.doc("push")["project"]
    tasks = there.first.tasks(project)
    first, second = list(tasks)[:2]
    gone = there.first.answer(tasks[first]["id"], topic(first))
    there.first.answer(tasks[second]["id"], topic(second))
    loop.alcli("pull")
    there.first.call("DELETE", f"/api/annotations/{gone}/")
    (warning,) = loop.doc("pull")["warnings"]
    assert f"{first} by 1" in warning
    loop.config(task={"classes": [*CLASSES, "tools & more"]})
    assert "1 choice added: tools & more." in loop.alcli("push").out
    there.first.answer(tasks[first]["id"], "tools & more")
    assert loop.doc("pull")["warnings"] == []
    assert loop.labels() == {first: "tools & more", second: topic(second)}
    config = there.first.call("GET", f"/api/projects/{project}")["label_config"]
    there.first.call("DELETE", f"/api/projects/{project}")
    loop.refused("push", kind="remote", says=f"there is no project {project} on this server")
    own = there.first.call(
        "POST", "/api/projects", {"title": "own", "label_config": config.replace("label", "x")}
    )
    name = f"label_studio.project={own['id']}"
    loop.refused(
        "push", "--set", name, kind="remote", says="has no Choices called 'label'", hint="its Choices: x"
    )


def test_a_row_for_two_annotators_is_given_to_both(at, there):
    loop = at("scored")
    loop.alcli("query", "--set", "query.batch_size=1", "--set", "query.overlap=1")
    project = loop.doc("push")["project"]
    (task,) = there.first.tasks(project).values()
    there.first.answer(task["id"], "pets")
    assert there.second.call("GET", f"/api/projects/{project}/next")["id"] == task["id"]
    there.second.answer(task["id"], "food")
    assert loop.doc("pull")["counts"]["disputed"] == 1


class _Cut(BaseHTTPRequestHandler):
    """Hands requests on to the server; when the second part of the tasks is there, it kills who sent it."""

    protocol_version = "HTTP/1.1"
    target: str
    victim: subprocess.Popen[str]
    parts = 0

    def log_message(self, *_):
        """Say nothing."""

    def _any(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {
            name: self.headers[name] for name in ("authorization", "content-type") if name in self.headers
        }
        answer = httpx.request(
            self.command, self.target + self.path, content=body, headers=headers, timeout=120, trust_env=False
        )
        if self.path.endswith("/import"):
            type(self).parts += 1
            if self.parts == 2:
                self.victim.kill()
                self.victim.wait()
                return
        self.send_response(answer.status_code)
        self.send_header("Content-Type", answer.headers["content-type"])
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    do_GET = do_POST = do_PATCH = _any  # noqa: N815 - the names that http.server calls


def test_killed_in_the_middle_of_the_transfer_a_push_is_simply_run_again(empty, there):
    words = [f"w{n * 37 % 1009} w{n * 101 % 997} w{n}" for n in range(800)]
    empty.root.mkdir()
    empty.csv("pool.csv", [(f"r{n}", text) for n, text in enumerate(words)], ("id", "text"))
    empty.config(task={"classes": CLASSES}, seed={"size": 600, "strategy": "random"})
    empty.alcli("seed")
    cut = ThreadingHTTPServer(("127.0.0.1", 0), _Cut)
    threading.Thread(target=cut.serve_forever, daemon=True).start()
    _Cut.target = there.url
    _Cut.victim = subprocess.Popen(
        [sys.executable, "-m", "alcli", "push"],
        cwd=empty.root,
        env=os.environ | {"LABEL_STUDIO_URL": f"http://127.0.0.1:{cut.server_port}"},
        text=True,
    )
    assert _Cut.victim.wait(120) == -signal.SIGKILL
    cut.shutdown()
    cut.server_close()
    assert empty.doc("push")["counts"] == {"tasks": 608, "new": 108, "known": 500}
    project = json.loads((empty.root / "label_studio.json").read_text())["project"]
    assert list(there.first.tasks(project)) == empty.asked()
    assert not empty.doc("push")["changed"]


def test_the_documented_session_prints_what_the_document_shows(
    there, tmp_path, shown_session, without_figures
):
    shutil.copytree(DOCUMENT.parents[1] / "sample_data", tmp_path / "sample_data")
    with (tmp_path / "sample_data/oracle.csv").open(newline="") as file:
        truth = {row["id"]: row["label"] for row in csv.DictReader(file)}
    here, commands = tmp_path, []
    for command, expected in shown_session(DOCUMENT.read_text(encoding="utf-8")):
        program, *arguments = shlex.split(command)
        if program == "cd":
            here /= arguments[0]
            continue
        assert program == "alcli"
        commands.append(arguments[0])
        if arguments[0] == "pull":
            project = json.loads((here / "label_studio.json").read_text())["project"]
            for id_, task in there.first.tasks(project).items():
                if not task["annotations"]:
                    there.first.answer(task["id"], truth[id_])
        done = subprocess.run(
            [sys.executable, "-m", "alcli", *arguments], cwd=here, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        said = done.stdout.replace(there.url, "http://localhost:8080")
        said = re.sub(r"(projects/|project )\d+", r"\g<1>1", said)
        assert without_figures(said) == without_figures(expected), command
    assert Counter(commands) >= Counter(["push", "pull", "train", "score", "query", "push", "pull"])
