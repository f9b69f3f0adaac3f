"""rest.md and security.md "REST": which web pages may call the API, and what every answer says."""
import pytest

from support import rest
from support.hub import Hub

PAGE = "https://app.example"


@pytest.fixture(scope="module")
def web_hub():
    hub = Hub("--origin", PAGE, "--public-url", "https://chat.example", "--trusted-proxy", "127.0.0.0/8")
    try:
        yield hub.start()
        hub.stop()
    finally:
        hub.discard()


@pytest.fixture(scope="module")
def user(web_hub):
    return rest.sign_up(web_hub, "web")


def preflight(hub, path, origin, method="POST"):
    return rest.request(hub, "OPTIONS", path, headers={
        "Origin": origin, "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization,content-type,idempotency-key"})


def words(value):
    return {word.strip().lower() for word in value.split(",")}


@pytest.mark.parametrize("origin", [PAGE, "https://chat.example"])
def test_a_page_of_ours_calls(web_hub, user, origin):
    """An exact CORS list: `--origin`, and the hub's own."""
    asked = preflight(web_hub, "/groups", origin).expect(204)
    assert asked.headers["Access-Control-Allow-Origin"] == origin and asked.headers["Vary"] == "Origin"
    assert {"get", "post"} <= words(asked.headers["Access-Control-Allow-Methods"])
    assert {"authorization", "content-type", "if-match", "idempotency-key", "range"} <= words(
        asked.headers["Access-Control-Allow-Headers"])
    assert int(asked.headers["Access-Control-Max-Age"]) > 0
    made = user.call("POST", "/groups", {"name": "web"}, {"Origin": origin}).expect(201)
    assert made.headers["Access-Control-Allow-Origin"] == origin
    assert {"location", "etag", "x-request-id", "ratelimit", "retry-after", "idempotency-replayed",
            "content-range"} <= words(made.headers["Access-Control-Expose-Headers"])
    refused = rest.request(web_hub, "GET", "/profile", headers={"Origin": origin})
    refused.expect_problem(401)
    assert refused.headers["Access-Control-Allow-Origin"] == origin, "or the page can't read why"


@pytest.mark.parametrize("origin", ["https://evil.example", "http://app.example", "https://app.example:444", "null"])
def test_other_pages_are_told_nothing(web_hub, user, origin):
    answers = [preflight(web_hub, "/groups", origin).expect(204), user.call("GET", "/groups", headers={"Origin": origin})]
    for answer in answers:
        assert not [name for name in answer.headers if name.lower().startswith("access-control")]
        assert answer.headers["Vary"] == "Origin"


def test_security_headers(web_hub, user):
    """`Cache-Control: no-store`, HSTS, `nosniff`, CSP."""
    for answer in (user.call("GET", "/profile"), rest.request(web_hub, "GET", "/nothing")):
        assert answer.headers.get_all("Cache-Control") == ["no-store"]
        assert answer.headers.get_all("X-Content-Type-Options") == ["nosniff"]
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Strict-Transport-Security"].startswith("max-age=")


def test_hsts_is_for_tls(web_hub, hub):
    """RFC 6797 §7.2; and a hub on localhost must not bind browsers."""
    plain = rest.request(web_hub, "GET", "/nothing", listener="http")
    assert "Strict-Transport-Security" not in plain.headers
    proxied = rest.request(web_hub, "GET", "/nothing", listener="http", headers={"X-Forwarded-Proto": "https"})
    assert "Strict-Transport-Security" in proxied.headers
    assert "Strict-Transport-Security" not in rest.request(hub, "GET", "/nothing").headers
