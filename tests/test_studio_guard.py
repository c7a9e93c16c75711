"""Who is let in: origins, names, tokens; and what every answer tells the browser."""

import pytest
from studio_setup import body

from flashworld.apps.studio.application import create_app
from flashworld.apps.studio.guard import COOKIE
from flashworld.apps.studio.settings import Settings
from flashworld.jobs import Limits, Workshop


@pytest.fixture
def shop(tmp_path, maker):
    workshop = Workshop(tmp_path, [maker], Limits(queued=3, queued_per_client=2))
    yield workshop
    workshop.close()


def status(shop, headers, settings=None, base="http://localhost:7860"):
    client = create_app(shop, settings or Settings()).test_client()
    answer = client.post("/generate", json=body(), headers=headers, base_url=base)
    return answer.status_code


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "http://localhost:1234"},
        {"Origin": "http://localhost.evil.example:7860"},
        {"Origin": "null"},
        {"Origin": "http://["},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_page_of_another_origin_starts_nothing(shop, headers):
    assert status(shop, headers) == 403
    assert shop.count("queued") == 0


@pytest.mark.parametrize("headers", [{}, {"Origin": "http://localhost:7860"}, {"Sec-Fetch-Site": "same-origin"}])
def test_our_own_page_and_programs_do(shop, headers):
    assert status(shop, headers) == 202


def test_an_opened_origin_is_let_in_and_no_other(shop):
    settings = Settings(cors=("https://friend.example",))
    assert status(shop, {"Origin": "https://friend.example"}, settings) == 202
    assert status(shop, {"Origin": "https://foe.example"}, settings) == 403
    client = create_app(shop, settings).test_client()
    friend = client.get("/status", headers={"Origin": "https://friend.example"})
    assert friend.headers["Access-Control-Allow-Origin"] == "https://friend.example"
    assert friend.headers["Vary"] == "Origin"
    assert "Access-Control-Allow-Origin" not in client.get("/status", headers={"Origin": "https://foe.example"}).headers


@pytest.mark.parametrize("method", ["post", "delete", "patch"])
def test_nothing_is_changed_by_a_page_of_another_origin(shop, method):
    client = create_app(shop).test_client()
    job_id = client.post("/api/jobs", json=body()).json["id"]
    for path in (f"/api/jobs/{job_id}", f"/api/jobs/{job_id}/cancel", f"/delete/{job_id}"):
        answer = getattr(client, method)(path, json={"name": "mine now"}, headers={"Origin": "https://evil.example"})
        assert answer.status_code == 403
    assert shop.job(job_id).state == "queued"


@pytest.mark.parametrize("host", ["evil.example", "evil.example:7860", "localhost.evil.example", "[::1", ""])
def test_a_name_that_was_made_to_lead_here_is_not_answered(shop, host):
    client = create_app(shop).test_client()
    assert client.get("/api/jobs", headers={"Host": host}).status_code in (400, 403)


@pytest.mark.parametrize("host", ["localhost", "localhost:7860", "127.0.0.1:7860", "192.168.1.7", "[::1]:7860"])
def test_addresses_are_answered(shop, host):
    assert create_app(shop).test_client().get("/api/jobs", headers={"Host": host}).status_code == 200


def test_a_token_is_asked_for_everywhere_but_on_the_page(shop):
    client = create_app(shop, Settings(token="s3cret")).test_client()
    for path in ("/api/jobs", "/api/health", "/api/openapi.json", "/status", "/task/x", "/download/x", "/api/events"):
        answer = client.get(path)
        assert answer.status_code == 401, path
        assert set(answer.json or {}) == {"error"}
    assert client.post("/generate", json=body()).status_code == 401
    assert client.get("/api/jobs", headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert client.get("/api/jobs", headers={"Authorization": "Bearer s3cret"}).status_code == 200
    assert client.get("/?token=wrong").status_code == 401
    assert client.options("/generate").status_code == 200


def test_opening_the_printed_address_lets_the_browser_in(shop):
    client = create_app(shop, Settings(token="s3cret")).test_client()
    opened = client.get("/?token=s3cret")
    assert (opened.status_code, opened.location) == (302, "/")
    cookie = opened.headers["Set-Cookie"]
    assert cookie.startswith(COOKIE)
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert "s3cret" not in cookie
    assert client.get("/api/jobs").status_code == 200


def test_every_answer_forbids_what_no_page_of_ours_needs(shop):
    client = create_app(shop).test_client()
    for path in ("/api/health", "/nowhere", "/", "/static/web/view.js"):
        headers = client.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "'unsafe-eval'" not in policy
        assert "script-src 'self' 'wasm-unsafe-eval';" in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"


def test_the_queue_refuses_in_words(shop):
    client = create_app(shop).test_client()
    codes = [client.post("/api/jobs", json=body()).status_code for _ in range(3)]
    assert codes == [202, 202, 429]
    other = {"REMOTE_ADDR": "10.0.0.9"}
    assert client.post("/generate", json=body(), environ_overrides=other).status_code == 202
    full = client.post("/generate", json=body(), environ_overrides=other)
    assert full.status_code == 503
    assert "limit" in full.json["error"]
    assert "Retry-After" in client.post("/api/jobs", json=body()).headers


def test_a_body_that_is_too_large_is_refused(shop):
    answer = create_app(shop).test_client().post("/api/jobs", data=b"[" * 100_000_001)
    assert answer.status_code == 413
    assert set(answer.json or {}) == {"error"}
