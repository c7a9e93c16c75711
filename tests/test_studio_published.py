"""The published interface as a client knows it who read only its description: status codes and fields, one by one."""

import json
import time
import uuid
from typing import Any

import pytest
from studio_setup import body, picture, until

from flashworld.apps.studio.application import create_app
from flashworld.apps.studio.settings import Settings
from flashworld.jobs import Workshop

CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Headers": "Content-Type,Authorization",
    "Access-Control-Allow-Methods": "GET,PUT,POST,DELETE,OPTIONS",
}
QUEUE = {"queued_count", "running_count", "position"}
TASK = {"success", "task_id", "status", "created_at", "started_at", "completed_at", "error", "queue"}
COMPLETED = TASK | {"file_id", "file_path", "file_size", "download_url", "generation_time"}
STATUS = {"max_concurrent", "running_count", "queued_count", "completed_count", "running_tasks", "queued_tasks"}


@pytest.fixture
def shop(tmp_path, maker):
    workshop = Workshop(tmp_path, [maker])
    yield workshop
    workshop.close()


@pytest.fixture
def client(shop):
    return create_app(shop, Settings(cors=("*",))).test_client()


def finished(client: Any, task_id: str) -> dict[str, Any]:
    """Poll as the release's own page does, only more often."""
    statuses = []

    def look() -> dict[str, Any] | None:
        answer = client.get(f"/task/{task_id}")
        assert answer.status_code == 200
        statuses.append(answer.json["status"])
        assert statuses[-1] in ("queued", "running", "completed", "failed")
        assert set(answer.json) == (COMPLETED if statuses[-1] == "completed" else TASK)
        return answer.json if statuses[-1] in ("completed", "failed") else None

    return until(look)


def test_a_scene_from_submission_to_deletion(client, shop):
    before = time.time()
    accepted = client.post("/generate", data=json.dumps(body(image_prompt=picture())), content_type="text/plain")
    assert accepted.status_code == 202
    assert set(accepted.json) == {"success", "task_id", "file_id", "queue"}
    assert accepted.json["success"] is True
    assert accepted.json["queue"] == {"queued_count": 1, "running_count": 0, "position": 1}
    task_id, file_id = accepted.json["task_id"], accepted.json["file_id"]
    assert uuid.UUID(task_id).version == 4

    waiting = client.get(f"/task/{task_id}").json
    assert (waiting["status"], waiting["started_at"], waiting["completed_at"]) == ("queued", None, None)
    assert client.get(f"/download/{file_id}").status_code == 404

    shop.start()
    task = finished(client, task_id)
    assert (task["success"], task["status"], task["task_id"], task["error"]) == (True, "completed", task_id, None)
    assert before <= task["created_at"] <= task["started_at"] <= task["completed_at"] <= time.time()
    assert task["generation_time"] == task["completed_at"] - task["started_at"]
    assert task["queue"] == {"queued_count": 0, "running_count": 0, "position": 0}
    assert (task["file_id"], task["file_path"]) == (file_id, f"{file_id}.ply")
    assert task["download_url"] == f"/download/{file_id}"

    file = client.get(task["download_url"])
    assert file.status_code == 200
    assert file.headers["Content-Disposition"] == f"attachment; filename={file_id}.ply"
    assert file.data.startswith(b"ply\n")
    assert len(file.data) == task["file_size"]

    deleted = client.delete(f"/delete/{file_id}")
    assert (deleted.status_code, deleted.json["success"]) == (200, True)
    assert {f"{file_id}.ply", f"{file_id}.json"} <= set(deleted.json["deleted"])
    assert client.get(f"/task/{task_id}").json["status"] == "completed"
    assert client.get(f"/download/{file_id}").status_code == 404
    assert client.post(f"/delete/{file_id}").json == {"success": True, "deleted": []}


def test_status_tells_of_the_queue(client):
    empty = client.get("/status")
    assert empty.status_code == 200
    assert set(empty.json) == {"success", "status", "timestamp"}
    assert set(empty.json["status"]) == STATUS
    ids = [client.post("/generate", json=body()).json["task_id"] for _ in range(3)]
    status = client.get("/status").json["status"]
    assert status == {
        "max_concurrent": 1,
        "running_count": 0,
        "queued_count": 3,
        "completed_count": 0,
        "running_tasks": [],
        "queued_tasks": ids,
    }
    assert [client.get(f"/task/{task_id}").json["queue"]["position"] for task_id in ids] == [1, 2, 3]


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"text_prompt": ""}, "No Prompts provided"),
        ({"text_prompt": "", "image_prompt": None}, "No Prompts provided"),
        ({"text_prompt": "", "image_prompt": ""}, "No Prompts provided"),
        ({"image_prompt": "data:image/png;base64,AAAA"}, "Image decode error: "),
        ({"image_prompt": "/etc/passwd"}, "Image decode error: "),
    ],
)
def test_the_two_named_faults(client, changes, error):
    refused = client.post("/generate", json=body(**changes))
    assert refused.status_code == 400
    assert set(refused.json) == {"error"}
    assert refused.json["error"].startswith(error)


@pytest.mark.parametrize("sent", [b"", b"no json", b"[]", json.dumps({"text_prompt": "alone"}).encode()])
def test_other_faults_are_the_clients(client, sent):
    """The release answers 500 here. A fault of the client is a 400 of ours; clients look for 202 either way."""
    refused = client.post("/generate", data=sent)
    assert refused.status_code == 400
    assert set(refused.json) == {"error"}


def test_what_is_not_there(client):
    for unknown in ("no-such-task", str(uuid.uuid4())):
        task = client.get(f"/task/{unknown}")
        assert (task.status_code, task.json) == (404, {"error": "Task not found"})
        file = client.get(f"/download/{unknown}")
        assert (file.status_code, file.json) == (404, {"error": "File not found"})
        deleted = client.delete(f"/delete/{unknown}")
        assert (deleted.status_code, deleted.json) == (200, {"success": True, "deleted": []})


def test_a_task_that_failed_is_an_answer(client, shop):
    task_id = client.post("/generate", json=body()).json["task_id"]
    shop.cancel(task_id)
    task = client.get(f"/task/{task_id}")
    assert (task.status_code, task.json["status"], set(task.json)) == (200, "failed", TASK)
    assert isinstance(task.json["error"], str)


def test_preflight_and_cors_if_it_was_opened(client, shop):
    for path in ("/generate", "/delete/some-file"):
        answer = client.options(path)
        assert (answer.status_code, answer.json) == (200, {"status": "ok"})
    refused = client.post("/generate", data="no")
    for answer in (client.get("/status"), client.get("/task/x"), refused, client.options("/generate")):
        assert {name: answer.headers[name] for name in CORS} == CORS
    closed = create_app(shop).test_client()
    assert not set(CORS) & set(closed.get("/status").headers.keys())
