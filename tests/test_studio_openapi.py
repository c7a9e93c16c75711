"""The description of the interface is true: its routes are the application's, and answers are as it says."""

import re
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from studio_setup import body

from flashworld.apps.studio.application import create_app
from flashworld.apps.studio.openapi import describe
from flashworld.jobs import Limits, Workshop

UNDESCRIBED = {"/", "/static/studio/{name}", "/static/web/{name}"}
"""The page and its files: for browsers, not for programs."""


@pytest.fixture(scope="module")
def app(tmp_path_factory, maker):
    workshop = Workshop(tmp_path_factory.mktemp("studio"), [maker], Limits(queued=10, queued_per_client=5))
    yield create_app(workshop)
    workshop.close()


@pytest.fixture(scope="module")
def described(app):
    return schemathesis.openapi.from_wsgi("/api/openapi.json", app)


CHECKS = [status_code_conformance, content_type_conformance, response_schema_conformance]
DESCRIBED = describe("0")["paths"]
ANY_TEXT = {"job_id", "task_id", "file_id"}


def takes_anything(operation: dict[str, Any]) -> bool:
    """Whether nothing that is sent breaks the description of an operation."""
    names = {parameter["name"] for parameter in operation.get("parameters", [])}
    binary = "application/octet-stream" in operation.get("requestBody", {}).get("content", {})
    return names <= ANY_TEXT and ("requestBody" not in operation or binary)


CASES = [
    (path, method, mode)
    for path, operations in DESCRIBED.items()
    for method, operation in operations.items()
    for mode in GenerationMode
    if mode is GenerationMode.POSITIVE or not takes_anything(operation)
]


@pytest.mark.parametrize(("path", "method", "mode"), CASES, ids=[f"{m.value} {verb} {p}" for p, verb, m in CASES])
def test_answers_are_as_described(described, path, method, mode):
    """Whatever is sent, as described (`positive`) or not (`negative`), is answered as described."""

    @given(case=described[path][method].as_strategy(generation_mode=mode))
    @settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    def check(case):
        answer = case.call()
        case.validate_response(answer, checks=CHECKS)
        assert answer.status_code < 500 or answer.status_code == 503, "503 is the full queue, which says so in words"
        if "json" in answer.headers.get("content-type", [""])[0]:
            assert "Traceback" not in answer.text
            assert str(Path.cwd()) not in answer.text

    check()


def test_every_route_is_described_and_none_is_invented(app):
    routes = {
        (re.sub(r"<(?:\w+(?:\(.*?\))?:)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    described = app.test_client().get("/api/openapi.json").json["paths"]
    told = {(path, method) for path, operations in described.items() for method in operations}
    assert {route for route in routes if route[0] not in UNDESCRIBED} == told


def test_every_kind_of_body_is_described(app):
    content = (
        app.test_client().get("/api/openapi.json").json["paths"]["/api/paths/import"]["post"]["requestBody"]["content"]
    )
    assert set(content) == {"application/octet-stream", "multipart/form-data"}


def test_a_request_that_follows_the_description_is_accepted(app):
    client = app.test_client()
    schemas = client.get("/api/openapi.json").json["components"]["schemas"]
    assert set(body()) <= set(schemas["SceneRequest"]["properties"])
    assert set(schemas["SceneRequest"]["required"]) == {"cameras", "resolution"}
    job = client.post("/api/jobs", json=body()).json
    assert set(job) == set(schemas["Job"]["required"])
    client.delete(f"/api/jobs/{job['id']}")
