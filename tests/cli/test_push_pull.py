"""`alcli push` and `alcli pull` and an HTTP server that speaks Label Studio's API, and goes wrong on demand.

How far that is like the real one, `test_label_studio_server.py` tells.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

TOKEN = "5e" * 20  # a legacy token
REFRESH = "eyJh.eyJz.c2ln"  # one that buys access
CLASSES = ["pets", "food"]


class LabelStudio(ThreadingHTTPServer):
    """Projects and tasks in memory.

    `fault(method, path)` may return a status to answer with, a function that answers, or "drop": the work is
    done, and the connection ends without an answer.
    """

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.projects, self.tasks, self.seen = {}, {}, []
        self.fault = lambda _method, _path: None
        self.lives = 10**9  # requests that an access token is good for
        self.used = Counter()
        self.moment = 0

    def take(self, project, item):
        """A task, as an import makes it."""
        task = {"id": len(self.tasks) + 1, "project": project, "overlap": 1, "annotations": []}
        self.tasks[task["id"]] = task | item

    def ids(self):
        return Counter(task["data"]["alcli_id"] for task in self.tasks.values())

    def answer(self, id_, label, person=1, **more):
        """What a person does in the interface; returns the annotation."""
        self.moment += 1
        value = {"from_name": "label", "to_name": "text", "type": "choices", "value": {"choices": [label]}}
        time = f"2026-11-01T10:00:{self.moment:02d}.250000Z"
        task = next(task for task in self.tasks.values() if task["data"]["alcli_id"] == id_)
        found = {"id": self.moment, "completed_by": person, "result": [value] if label else []}
        found |= {"was_cancelled": False, "created_at": time, "updated_at": time, "lead_time": 2.5, **more}
        task["annotations"].append(found)
        return found


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        """Say nothing."""

    def _any(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        path, server = urlsplit(self.path).path, self.server
        server.seen.append((self.command, path, self.headers.get("authorization")))
        fault = server.fault(self.command, path)
        if isinstance(fault, int):
            return self._say(
                fault, {"detail": f"told to say {fault} about {self.headers.get('authorization')}"}
            )
        if callable(fault):
            return fault(self)
        status, answer = self._answer(path, json.loads(body) if body else None)
        if fault == "drop":
            self.close_connection = True
            return self.connection.shutdown(socket.SHUT_RDWR)
        return self._say(status, answer)

    do_GET = do_POST = do_PATCH = _any  # noqa: N815 - the names that http.server calls

    def _say(self, status, answer, **headers):
        data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        for name, value in {
            "Content-Type": "application/json",
            "Content-Length": len(data),
            **headers,
        }.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(data)

    def _known(self):
        kind, _, token = self.headers.get("authorization", " ").partition(" ")
        self.server.used[token] += 1
        bought = kind == "Bearer" and token.startswith("access-")
        return (kind == "Token" and token == TOKEN) or (
            bought and self.server.used[token] <= self.server.lives
        )

    def _answer(self, path, body):
        if path == "/api/token/refresh":
            assert "authorization" not in self.headers
            good = body == {"refresh": REFRESH}
            bought = {"access": f"access-{len(self.server.used)}"}
            return (200, bought) if good else (401, {"detail": "Token is invalid"})
        if not self._known():
            return 401, {"detail": "Invalid token."}
        query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        answer = {"/api/projects": self._projects, "/api/tasks": self._tasks}.get(path)
        return answer(query, body) if answer else self._one(path, body)

    def _projects(self, query, body):
        projects = self.server.projects
        if self.command == "POST":
            number = len(projects) + 1
            projects[number] = {"id": number, **body}
            return 201, projects[number]
        page = int(query["page"])  # one a page, so that pages are turned
        mine = [project for project in projects.values() if project["id"] == page]
        return 200, {"results": mine, "next": page < len(projects)}

    def _tasks(self, query, _body):
        number, page = int(query["project"]), int(query["page"])
        if number not in self.server.projects:
            return 404, {"detail": "No Project matches the given query."}
        mine = [task for task in self.server.tasks.values() if task["project"] == number]
        shown = mine[(page - 1) * 7 : page * 7]  # the server has a mind of its own about page sizes
        if "fields" not in query:
            shown = [{key: value for key, value in task.items() if key != "annotations"} for task in shown]
        return 200, {"tasks": shown, "total": len(mine)}

    def _one(self, path, body):
        _, _, kind, number, *rest = path.split("/")
        found = {"projects": self.server.projects, "tasks": self.server.tasks}[kind].get(int(number))
        if found is None:
            return 404, {"detail": "Not found."}
        for item in body if rest == ["import"] else ():
            self.server.take(int(number), item)
        if self.command == "PATCH":
            found |= body
        return (201, {"task_count": len(body)}) if rest else (200, found)


@pytest.fixture
def studio(monkeypatch):
    server = LabelStudio()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    monkeypatch.setenv("LABEL_STUDIO_URL", server.url)
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", TOKEN)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def loop(at):
    """A project with a seed set, whose classes are known."""
    loop = at("seeded")
    loop.config(task={"classes": CLASSES})
    return loop


def topic(id_):
    return CLASSES[int(id_.removeprefix("r")) % 2]


def answered(loop, studio, round_=0):
    for id_ in loop.asked(round_):
        studio.answer(id_, topic(id_))


def config_of(studio, number=1):
    return studio.projects[number]["label_config"]


def test_each_row_with_people_becomes_a_task_once(loop, studio):
    first = loop.doc("push")
    assert first["counts"] == {"tasks": 20, "new": 20, "known": 0}
    assert (first["files"], first["project"]) == (["label_studio.json"], 1)
    assert (
        list(studio.ids()) == loop.asked()
    )  # in the order of query.csv: nobody can tell validation from seed
    assert set(studio.ids().values()) == {1}
    task = studio.tasks[1]
    assert set(task["data"]) == {"alcli_id", "text"}
    assert "predictions" not in task
    project = studio.projects[1]
    assert project["title"] == "project"
    assert re.findall('Choice value="(.*?)"', project["label_config"]) == [*CLASSES, "skip", "unsure"]
    tree = loop.tree()
    again = loop.doc("push")
    assert not again["changed"]
    assert again["counts"] == {"tasks": 20, "new": 0, "known": 20}
    assert "Up to date" in loop.alcli("push").out
    assert loop.tree() == tree
    record = json.loads((loop.root / "label_studio.json").read_text())
    assert (record["url"], record["project"]) == (studio.url, 1)
    assert record["mark"] in project["description"]


def test_answers_come_back_once_each_and_a_second_pull_changes_no_byte(loop, studio):
    loop.alcli("push")
    answered(loop, studio)
    pulled = loop.doc("pull")
    assert (pulled["counts"]["fetched"], pulled["counts"]["new"]) == (20, 20)
    assert pulled["files"][0] == "rounds/000/pulled.label_studio.json"
    assert loop.labels() == {id_: topic(id_) for id_ in loop.asked()}
    row = loop.ledger()[0]
    assert (row["annotator"], row["seconds"]) == ("1", 2.5)
    assert row["labeled_at"].isoformat() == "2026-11-01T10:00:01.250000+00:00"
    assert row["source"] == "rounds/000/pulled.label_studio.json"
    tree = loop.tree()
    assert not loop.doc("pull")["changed"]
    assert "Up to date: 20 answers" in loop.alcli("pull").out
    assert loop.tree() == tree
    assert loop.doc("push")["counts"]["tasks"] == 0


def test_a_file_that_a_killed_pull_left_is_written_anew(loop, studio):
    loop.alcli("push")
    studio.answer(loop.asked()[0], "pets")
    loop.write("rounds/000/pulled.label_studio.json", '[\n{"data": {')
    assert loop.doc("pull")["files"][0] == "rounds/000/pulled.label_studio.json"
    assert loop.labels() == {loop.asked()[0]: "pets"}
    assert not loop.doc("pull")["changed"]


def test_the_same_answers_from_an_export_and_by_pull_count_once(loop, studio):
    loop.alcli("push")
    answered(loop, studio)
    studio.answer(loop.asked()[0], "food", person=2)
    export = loop.write("export.json", json.dumps(list(studio.tasks.values())))
    assert loop.doc("ingest", export)["counts"]["new"] == 21
    tree = loop.tree()
    assert not loop.doc("pull")["changed"]
    assert loop.tree() == tree


def test_skips_empty_answers_and_two_people_are_what_they_are(loop, studio):
    loop.alcli("push")
    one, two, three, four = loop.asked()[:4]
    studio.answer(one, "pets")
    studio.answer(one, "food", person=2)
    studio.answer(two, "food", was_cancelled=True)
    studio.answer(three, None)
    studio.answer(four, "unsure")
    assert loop.doc("pull")["counts"]["new"] == 4
    found = {(row["id"], row["annotator"]): (row["label"], row["status"]) for row in loop.ledger()}
    assert found == {
        (one, "1"): ("pets", "labeled"),
        (one, "2"): ("food", "labeled"),
        (two, "1"): (None, "skipped"),
        (four, "1"): (None, "unsure"),
    }
    assert not loop.doc("pull")["changed"]


def test_an_answer_that_was_changed_there_is_a_later_one_of_the_same_person(loop, studio):
    loop.alcli("push")
    id_ = loop.asked()[0]
    answer = studio.answer(id_, "pets")
    loop.alcli("pull")
    answer["result"][0]["value"]["choices"] = ["food"]
    answer["updated_at"] = "2026-11-02T10:00:00Z"
    pulled = loop.doc("pull")
    assert (pulled["counts"]["new"], pulled["counts"]["changed"]) == (1, 1)
    assert pulled["files"][0] == "rounds/000/pulled-2.label_studio.json"
    assert loop.labels() == {id_: "food"}
    assert [row["label"] for row in loop.ledger()] == ["pets", "food"]


def test_an_answer_that_was_deleted_there_is_named_and_can_be_taken_back(loop, studio):
    loop.alcli("push")
    first, second = loop.asked()[:2]
    studio.answer(first, "pets")
    studio.answer(second, "food")
    loop.alcli("pull")
    studio.tasks[1]["annotations"].clear()
    tree = loop.tree()
    (warning,) = loop.doc("pull")["warnings"]
    assert (
        f"1 answer pulled before and standing here, but not at {studio.url}/projects/1/data any more"
        in warning
    )
    assert f"{first} by 1" in warning
    assert loop.tree() == tree
    file = "rounds/000/pulled.label_studio.json"
    assert (
        f"`alcli ingest --retract FILE`, then `alcli pull --again`, takes back what is gone of {file}"
        in warning
    )
    loop.alcli("ingest", "--retract", file)
    assert loop.doc("pull", "--again")["warnings"] == []
    assert loop.labels() == {second: "food"}
    assert not loop.doc("pull")["changed"]


def test_answers_that_were_taken_back_here_are_not_pulled_a_second_time(loop, studio):
    loop.alcli("push")
    first, second = loop.asked()[:2]
    studio.answer(first, "pets")
    careless = studio.answer(second, "food", person=2)
    loop.alcli("pull")
    loop.alcli("ingest", "--retract-annotator", "2")
    tree = loop.tree()
    pulled = loop.doc("pull")
    assert pulled["warnings"] == ["left aside: 1 answer that was taken back here (--again fetches them)"]
    assert loop.tree() == tree
    careless["updated_at"] = "2026-11-03T10:00:00Z"  # looked at once more
    assert loop.doc("pull")["counts"]["new"] == 1
    assert loop.labels() == {first: "pets", second: "food"}


def test_a_label_that_is_no_class_stops_the_pull_and_nothing_is_taken(loop, studio):
    loop.alcli("push")
    first, second = loop.asked()[:2]
    studio.answer(first, "pet")
    studio.answer(second, "food")
    said = loop.alcli("pull", code=1)
    assert "pulled.label_studio.json, item 1: 'pet' is none of the classes" in said.err
    assert "did you mean 'pets'? --new-class adds a class" in said.err
    assert not loop.ledger()
    taken = loop.doc("pull", "--skip-invalid")
    assert (taken["counts"]["new"], taken["counts"]["rejected"]) == (1, 1)
    assert not loop.doc("pull", "--skip-invalid")["changed"]
    tree = loop.tree()
    assert not loop.doc("pull", "--skip-invalid")["changed"]
    assert loop.tree() == tree
    assert loop.doc("pull", "--new-class")["counts"]["new"] == 1
    assert loop.labels() == {first: "pet", second: "food"}


def test_tasks_of_other_people_in_the_project_are_left_aside(loop, studio):
    loop.alcli("push")
    strange = loop.of_split("reserve")[0]
    studio.take(1, {"data": {"text": "by hand", "alcli_id": None}})
    studio.take(1, {"data": {"alcli_id": strange}})
    studio.answer(strange, "pets")
    pulled = loop.doc("pull")
    assert not pulled["changed"]
    assert pulled["warnings"] == ["left aside: answers to 1 row that alcli never asked"]
    assert loop.doc("push")["counts"]["known"] == 20


def test_further_batches_and_rounds_are_added_to_what_is_there(at, studio):
    loop = at("queried")
    first = loop.doc("push")  # the answers to round 000 came in files
    assert list(studio.ids()) == loop.asked(1)
    assert first["counts"]["new"] == 6
    loop.alcli("query", "--more", "3")
    assert loop.doc("push")["counts"] == {"tasks": 9, "new": 3, "known": 6}
    answered(loop, studio, 1)
    assert loop.doc("pull")["counts"]["new"] == 6
    for step in ("train", "score", "query"):
        loop.alcli(step)
    assert loop.doc("push")["counts"] == {"tasks": 9, "new": 6, "known": 3}
    assert set(studio.ids().values()) == {1}
    assert len(studio.projects) == 1


def test_rows_given_back_are_named_and_their_tasks_stay(loop, studio):
    loop.alcli("push")
    studio.answer(loop.asked()[0], "pets")
    loop.alcli("pull")
    released = loop.doc("query", "--release")["counts"]["released"]
    assert released > 1
    pushed = loop.doc("push")
    assert not pushed["changed"]
    assert pushed["warnings"][0].startswith(
        f"{released} rows are there that were given back: delete them, or"
    )
    assert len(studio.tasks) == 20
    studio.answer(loop.asked()[1], "food")
    assert loop.doc("pull")["counts"]["new"] == 1


def test_a_row_for_several_annotators_is_asked_of_several_people_there(at, studio):
    loop = at("scored")
    loop.alcli("query", "--set", "query.overlap=0.5", "--set", "query.overlap_annotators=3")
    said = loop.alcli("push").out
    assert "6 tasks added to" in said
    assert "3 of them are for several people." in said
    overlap = [row["id"] for row in loop.table("rounds/001/selection.parquet") if row["reason"] == "overlap"]
    people = {task["data"]["alcli_id"]: task["overlap"] for task in studio.tasks.values()}
    assert people == {id_: 3 if id_ in overlap else 1 for id_ in loop.asked(1)}
    assert not loop.doc("push")["changed"]
    answered(loop, studio, 1)
    loop.alcli("pull")
    assert loop.doc("push")["counts"] == {"tasks": 3, "new": 0, "known": 3}


def test_an_answer_by_the_old_choice_of_a_renamed_class_counts_as_the_new_one(loop, studio):
    loop.config(task={"classes": None})
    first, last, *others = loop.asked()
    labels = [(id_, topic(id_)) for id_ in others]
    loop.alcli("ingest", loop.csv("some.csv", labels))
    loop.alcli("push")
    studio.answer(first, "pets")
    loop.alcli("pull")
    loop.alcli("relabel", "--map", "pets=animals")
    assert loop.doc("push")["counts"]["new"] == 0
    assert {"pets", "animals"} <= set(re.findall('Choice value="(.*?)"', config_of(studio)))
    studio.answer(last, "pets")
    pulled = loop.doc("pull")
    assert pulled["counts"]["new"] == 1
    assert any("animals" in warning for warning in pulled["warnings"])
    assert loop.labels()[first] == loop.labels()[last] == "animals"


def test_rows_that_are_asked_again_are_asked_of_one_person_more_however_often_they_are_pushed(loop, studio):
    loop.alcli("push")
    answered(loop, studio)
    loop.alcli("pull")
    stranger = min({f"r{number:03d}" for number in range(0, 80, 2)} - set(loop.asked()) - set(sealed(loop)))
    loop.alcli("ingest", loop.csv("gift.csv", [(stranger, "pets")]), "--unrequested", "accept")
    loop.alcli("relabel", "--reopen", "pets", "--guideline", "v2")
    pushed = loop.doc("push")
    again = {id_ for id_ in loop.asked() if topic(id_) == "pets"}
    assert pushed["counts"] == {"tasks": len(again) + 1, "new": 1, "known": len(again)}
    assert stranger in studio.ids()

    def people():
        return {task["data"]["alcli_id"]: task["overlap"] for task in studio.tasks.values()}

    wanted = people()
    assert wanted == {id_: 2 if id_ in again else 1 for id_ in [*loop.asked(), stranger]}
    studio.answer(min(again), "food", person=2)
    assert not loop.doc("push")["changed"]  # what nobody has pulled yet is the further answer
    assert people() == wanted
    assert loop.doc("pull")["counts"]["new"] == 1
    assert not loop.doc("push")["changed"]
    assert [row["id"] for row in loop.ledger() if row["guideline"] == "v2"] == [min(again)]
    tree = loop.tree()
    assert not loop.doc("pull")["changed"]
    assert loop.tree() == tree


def sealed(loop):
    return [row["id"] for row in loop.table("splits.parquet") if row["split"] != "seed"]


def test_a_prediction_is_shown_there_where_the_config_says_so(at, studio):
    loop = at("queried")
    loop.alcli("push", "--set", "query.show_prediction=true")
    part = loop.table("rounds/001/scores/part-00000.parquet")
    guesses = {row["id"]: row["prediction"] for row in part}
    shown = {
        task["data"]["alcli_id"]: task["predictions"][0]["result"][0]["value"]["choices"]
        for task in studio.tasks.values()
    }
    assert shown == {id_: [guesses[id_]] for id_ in loop.asked(1)}
    assert loop.doc("pull")["counts"]["answers"] == 0


def test_new_classes_join_the_choices_and_what_people_made_of_the_config_stays(loop, studio):
    loop.alcli("push")
    theirs = config_of(studio).replace("<View>", '<View><!-- ours --><Header value="Which one?"/>')
    studio.projects[1]["label_config"] = theirs.replace('"pets"', '"pets" hotkey="p"')
    loop.config(task={"classes": [*CLASSES, "tools & more"]})
    assert "1 choice added: tools & more." in loop.alcli("push").out
    found = config_of(studio)
    assert re.findall('Choice value="(.*?)"', found) == [*CLASSES, "skip", "unsure", "tools &amp; more"]
    assert all(part in found for part in ("<!-- ours -->", 'value="Which one?"', 'hotkey="p"'))
    assert not loop.doc("push")["changed"]


def test_a_dry_run_changes_nothing_here_or_there(loop, studio):
    tree = loop.tree()
    assert f"20 tasks would be added to a new project of {studio.url}." in loop.alcli("push", "--dry-run").out
    assert not studio.projects
    assert loop.tree() == tree
    loop.alcli("push")
    del studio.tasks[20]
    loop.config(task={"classes": [*CLASSES, "tools"]})
    document = loop.doc("push", "--dry-run")
    assert (document["dry_run"], document["changed"], document["counts"]["new"]) == (True, False, 1)
    said = loop.alcli("push", "--dry-run").out
    assert "1 choice would be added: tools." in said
    assert f"1 task would be added to {studio.url}/projects/1/data, 19 there already." in said
    assert {method for method, _, _ in studio.seen[-6:]} == {"GET"}


def test_a_project_whose_number_was_not_noted_is_found_by_its_mark(loop, studio):
    studio.projects[1] = {"id": 1, "title": "somebody else's", "description": None, "label_config": "<View/>"}
    assert loop.doc("push")["project"] == 2
    record = json.loads((loop.root / "label_studio.json").read_text())
    loop.write("label_studio.json", json.dumps(record | {"project": None}))
    assert loop.doc("push")["project"] == 2
    loop.write("label_studio.json", json.dumps(record | {"url": "http://the-same-by-another-name.test"}))
    studio.answer(loop.asked()[0], "pets")
    assert loop.doc("pull")["counts"]["new"] == 1
    assert loop.doc("push")["files"] == ["label_studio.json"]
    assert json.loads((loop.root / "label_studio.json").read_text()) == record
    assert len(studio.projects) == 2


def test_another_question_about_the_same_rows_gets_a_project_of_its_own(loop, studio, tmp_path):
    other = type(loop)(tmp_path / "other")
    shutil.copytree(loop.root, other.root)
    other.config(task={"classes": ["long", "short"]})
    assert (loop.doc("push")["project"], other.doc("push")["project"]) == (1, 2)
    assert "pets" not in config_of(studio, 2)


@pytest.mark.usefixtures("studio")
def test_rows_that_are_on_another_server_are_not_pushed_a_second_time(loop):
    loop.alcli("push")
    record = {"url": "http://elsewhere.test", "mark": "abc", "project": 7}
    loop.write("label_studio.json", json.dumps(record))
    for command in ("push", "pull"):
        loop.refused(
            command, kind="state", says="in project 7 of http://elsewhere.test", where="label_studio.json"
        )
    for broken in ("{}", "[]", '{"url": "", "mark": ""}', '{"url": "x", "mark": "y", "number": 1}', "{"):
        loop.write("label_studio.json", broken)
        loop.refused("push", kind="integrity", says="not as alcli wrote it", where="label_studio.json")


def test_a_project_made_by_hand_is_taken_as_it_is_or_not_at_all(loop, studio):
    config = '<View><Text name="text" value="$text"/><Choices name="{}" toName="text">{}</Choices></View>'
    every = "".join(f'<Choice value="{name}"/>' for name in [*CLASSES, "skip", "unsure"])
    studio.projects[1] = {"id": 1, "description": "", "label_config": config.format("topic", every)}
    own = ("--set", f"label_studio.url={studio.url}/", "--set", "label_studio.project=1")
    says = "project 1 asks something else: its labeling config has no Choices called 'label'"
    loop.refused("push", *own, kind="remote", says=says, hint="its Choices: topic")
    studio.projects[1]["label_config"] = config.format("label", '<Choice value="pets"/>')
    says = "project 1 does not offer 'food', 'skip', 'unsure'"
    loop.refused("push", *own, kind="remote", says=says, hint="add them to its labeling config")
    studio.projects[1]["label_config"] = "<View"
    loop.refused("push", *own, kind="remote", says="labeling config cannot be read")
    studio.projects[1]["label_config"] = config.format("label", every)
    assert not studio.tasks
    assert loop.doc("push", *own)["files"] == []
    answered(loop, studio)
    assert loop.doc("pull", *own)["counts"]["new"] == 20


def test_a_project_that_is_gone_is_named(loop, studio):
    loop.alcli("push")
    studio.projects.clear()
    for command in ("push", "pull"):
        loop.refused(
            command, kind="remote", says="there is no project 1 on this server", hint="label_studio.json"
        )


def test_before_push_there_is_nothing_to_pull_and_without_rows_nothing_to_push(at, studio):
    loop = at("answered")
    loop.refused(
        "pull", kind="state", says="no project there has rows of this one", hint="`alcli push` first"
    )
    assert "Nothing to push: no row is with people." in loop.alcli("push").out
    assert not studio.projects


@pytest.mark.usefixtures("studio")
def test_without_seed_or_classes_push_says_what_is_missing(at):
    loop = at("new")
    loop.refused("push", kind="state", says="no seed set yet", hint="alcli seed")
    loop.alcli("seed")
    loop.refused("push", kind="config", says="lists the classes", hint="task: {classes")


@pytest.mark.usefixtures("studio")
def test_a_wrong_token_is_refused_in_words_and_not_shown(loop, monkeypatch):
    wrong = "77" * 20
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", wrong)
    says = "the server refuses the token: 401 Unauthorized, Invalid token."
    loop.refused("push", kind="remote", says=says, hint="LABEL_STUDIO_API_KEY must hold")
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", "not.a.token")
    loop.refused("push", kind="remote", says="401 Unauthorized, Token is invalid")
    monkeypatch.delenv("LABEL_STUDIO_API_KEY")
    loop.refused("push", kind="state", says="LABEL_STUDIO_API_KEY is not set", hint="Account & Settings")
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", f"{wrong}\n{wrong}")
    said = loop.alcli("push", code=1).err
    assert "LABEL_STUDIO_API_KEY: the token holds a blank, a line break" in said
    assert wrong not in said


def test_a_server_that_repeats_the_token_in_its_answer_does_not_get_it_shown_or_written(loop, studio):
    for status in (400, 403, 500):
        studio.fault = lambda _method, _path, status=status: status
        said = loop.alcli("push", "-v", code=1)
        assert f"told to say {status} about Token [token]" in said.err
        assert TOKEN not in said.err + said.out
    studio.fault = lambda _method, _path: None
    loop.alcli("push")
    answered(loop, studio)
    loop.alcli("pull")
    assert not [
        path for path in loop.root.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()
    ]


def test_a_redirection_is_not_followed_with_the_token(loop, studio):
    other = LabelStudio()
    threading.Thread(target=other.serve_forever, daemon=True).start()
    studio.fault = lambda _method, _path: lambda handler: handler._say(302, {}, Location=f"{other.url}/login")
    loop.refused("push", kind="remote", says=f"sends us on to {other.url}/login", hint="no other address")
    assert not other.seen
    other.shutdown()
    other.server_close()


def test_a_web_page_or_another_api_is_no_label_studio(loop, studio):
    page = b"<html>Please sign in</html>"
    studio.fault = lambda _method, _path: (
        lambda handler: handler._say(200, page, **{"Content-Type": "text/html"})
    )
    loop.refused("push", kind="remote", says="answers with text/html, not with JSON", hint="a proxy")
    for answer in ([], {}, {"results": 3}, {"results": [{"id": "x", "description": None}]}, None):
        studio.fault = lambda _method, _path, answer=answer: lambda handler: handler._say(200, answer)
        code = 0 if answer == {"results": [{"id": "x", "description": None}]} else 1
        said = loop.alcli("push", "--dry-run", code=code)
        assert code == 0 or "does not answer as Label Studio does: no 'results'" in said.err


def test_a_server_that_is_busy_for_a_moment_is_waited_for(loop, studio):
    faults = iter([503, 429, None, 502, None, 500, None])
    studio.fault = lambda _method, _path: next(faults, None)
    assert loop.doc("push")["counts"]["new"] == 20
    assert set(studio.ids().values()) == {1}
    assert len(studio.projects) == 1
    answered(loop, studio)
    faults = iter([503, 503, 503])
    assert loop.doc("pull")["counts"]["new"] == 20


def test_a_server_that_stays_in_trouble_is_given_up_and_nothing_is_lost(loop, studio):
    loop.alcli("push")
    answered(loop, studio)
    tree = loop.tree()
    for command in ("push", "pull"):
        before = len(studio.seen)
        studio.fault = lambda _method, _path: 503
        said = loop.alcli(command, code=1)
        assert "the server is in trouble: 503 Service Unavailable" in said.err
        assert "nothing is lost: run the command again" in said.err
        assert len(studio.seen) == before + 4
    studio.fault = lambda _method, _path: None
    assert loop.tree() == tree
    assert loop.doc("pull")["counts"]["new"] == 20


def test_nobody_at_the_address_is_said_so(loop, monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", TOKEN)
    monkeypatch.setenv("LABEL_STUDIO_URL", url)
    assert f"error: {url}: the server cannot be reached" in loop.alcli("push", code=1).err


def test_a_connection_lost_after_the_server_has_taken_tasks_makes_none_twice(loop, studio):
    dropped = iter(["drop"])
    studio.fault = lambda _method, path: next(dropped, None) if path.endswith("/import") else None
    assert loop.doc("push")["counts"]["new"] == 20
    assert set(studio.ids().values()) == {1}
    assert len(studio.ids()) == 20


def test_a_connection_lost_after_the_server_has_made_the_project_makes_no_second(loop, studio):
    dropped = iter(["drop"])
    studio.fault = lambda method, path: (
        next(dropped, None) if (method, path) == ("POST", "/api/projects") else None
    )
    loop.alcli("push")
    assert len(studio.projects) == 1
    assert len(studio.ids()) == 20


def test_tasks_that_the_server_is_slow_to_take_are_not_sent_again_at_once(loop, studio):
    waiting = threading.Event()

    def slow(handler):
        waiting.wait(30)
        handler.close_connection = True

    studio.fault = lambda _method, path: slow if path.endswith("/import") else None
    said = loop.alcli("push", "--set", "label_studio.timeout=0.2", code=1)
    waiting.set()
    assert "the server has not answered within 0.2 seconds" in said.err
    assert "run the command again in a minute, and it adds what is missing" in said.err
    studio.fault = lambda _method, path: 504 if path.endswith("/import") else None  # a proxy lost patience
    assert "the server has not answered within 60 seconds" in loop.alcli("push", code=1).err
    assert sum(path.endswith("/import") for _, path, _ in studio.seen) == 2
    studio.fault = lambda _method, _path: None
    assert loop.doc("push")["counts"]["new"] == 20


def test_a_task_that_is_there_twice_is_named(loop, studio):
    loop.alcli("push")
    studio.tasks[21] = {**studio.tasks[1], "id": 21}
    assert loop.doc("push")["warnings"] == [
        f"1 row is there as several tasks: delete all but one: {loop.asked()[0]}"
    ]


def test_access_that_runs_out_in_the_middle_is_bought_again(loop, studio, monkeypatch):
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", REFRESH)
    studio.lives = 2
    assert loop.doc("push")["counts"]["new"] == 20
    answered(loop, studio)
    assert loop.doc("pull")["counts"]["new"] == 20
    bought = [path for _, path, _ in studio.seen if path == "/api/token/refresh"]
    assert len(bought) > 3
    signed = {header for _, path, header in studio.seen if path != "/api/token/refresh"}
    assert all(header.startswith("Bearer access-") for header in signed)


@pytest.mark.parametrize(
    "url",
    [
        "localhost:8080",
        "ftp://host",
        "http://me:secret@host",
        "http://host?token=secret",
        "http://",
        "http://h:x",
    ],
)
def test_an_address_that_is_none_is_refused(loop, monkeypatch, url):
    loop.refused("push", "--set", f"label_studio.url={url}", kind="config", says="", where="label_studio.url")
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", TOKEN)
    monkeypatch.setenv("LABEL_STUDIO_URL", url)
    said = loop.alcli("push", code=1).err
    assert said.startswith("error: LABEL_STUDIO_URL: ")
    assert "secret" not in said


def test_a_config_and_an_environment_that_name_two_servers_are_refused(loop, studio):
    elsewhere = ("--set", "label_studio.url=http://elsewhere.test")
    loop.refused(
        "push", *elsewhere, kind="config", says=f"and {studio.url} in LABEL_STUDIO_URL", hint="remove"
    )
    assert not studio.seen


def test_without_the_client_library_both_commands_say_what_to_install(loop):
    program = "import sys; sys.modules['httpx'] = None; from alcli.cli import main; main()"
    for command in ("push", "pull"):
        done = subprocess.run(
            [sys.executable, "-c", program, command],
            cwd=loop.root,
            env=os.environ | {"LABEL_STUDIO_API_KEY": TOKEN},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1
        assert "the library httpx, which is not installed" in done.stderr
        assert "pip install 'alcli[label-studio]'" in done.stderr


@pytest.mark.usefixtures("studio")
def test_status_names_both_commands_once_rows_are_on_a_server(loop):
    loop.alcli("push")
    assert loop.doc("status")["next"].startswith("`alcli push")
    assert "`alcli pull" in loop.doc("status")["next"]
