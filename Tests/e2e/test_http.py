"""rest.md, first part: errors and conventions; security.md: the HTTP parser."""
import json
import re
import socket

import pytest

from support import rest


@pytest.fixture(scope="module")
def user(hub):
    return rest.sign_up(hub, "http")


def test_401_tells_how_to_authenticate(hub):
    answer = rest.request(hub, "GET", "/profile")
    answer.expect_problem(401)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_404(hub, user):
    for path in ("/nothing", "/messages/1", "/messages/group/1", "/groups/1"):
        user.call("GET", path).expect_problem(404, "not-found")


def test_405_with_allow(hub):
    answer = rest.request(hub, "DELETE", "/signup")
    answer.expect_problem(405)
    assert "POST" in [method.strip() for method in answer.headers["Allow"].split(",")]


def test_options_without_a_token(hub):
    """OPTIONS without a token: 204 with `Allow`."""
    answer = rest.request(hub, "OPTIONS", "/profile").expect(204)
    assert {"GET", "PUT"} <= {method.strip() for method in answer.headers["Allow"].split(",")}


def test_validation_tells_all_at_once(hub):
    """422; validation adds `errors: [{field, message}]`, all at once."""
    problem = rest.request(hub, "POST", "/signup", {"admin": True}).expect_problem(422)
    assert {error["field"] for error in problem["errors"]} == {"username", "email", "password", "admin"}
    assert all(error["message"] for error in problem["errors"])


@pytest.mark.parametrize("body, statuses", [
    (b"", {400, 422}), (b"{", {400}), (b"{}x", {400}), (b"nonsense", {400}), (b"[]", {400, 422}),
    (b'{"username":"\xff"}', {400}), (b'{"username":"a","username":"b"}', {400, 422}),
    (b'{"a":' * 40 + b"1" + b"}" * 40, {400, 422})],
    ids=["empty", "cut", "trailing", "no-json", "array", "no-utf8", "repeated", "deep"])
def test_unreadable_bodies(hub, body, statuses):
    """400: unreadable; depth 32, no repeated names."""
    answer = rest.request(hub, "POST", "/signup", body, headers={"Content-Type": "application/json"})
    assert answer.status in statuses, answer.body
    answer.expect_problem(answer.status)


def test_415(hub):
    rest.request(hub, "POST", "/signup", b"username=x", headers={
        "Content-Type": "application/x-www-form-urlencoded"}).expect_problem(415)


@pytest.mark.parametrize("listener", ["https", "http"])
def test_413_reaches_the_client(hub, listener):
    """At most 1 MiB: 413; the answer arrives although the body is not read."""
    body = b'{"username":"' + b"x" * (4 << 20) + b'"}'
    rest.request(hub, "POST", "/signup", body, headers={"Content-Type": "application/json"},
                 listener=listener).expect_problem(413)


def test_every_answer_has_a_request_id_and_is_not_stored(hub, user):
    first, second = user.call("GET", "/profile"), user.call("GET", "/nothing")
    assert first.headers["X-Request-Id"] and first.headers["X-Request-Id"] != second.headers["X-Request-Id"]
    for answer in (first, second):
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("limit", ["0", "201", "-1", "x", ""])
def test_limits_of_pages(user, limit):
    """`limit` 1 to 200 (50); outside: 422."""
    user.call("GET", f"/notifications?limit={limit}").expect_problem(422)


def exchange(hub, data):
    """Sends bytes to the plain HTTP listener and returns everything until it closes."""
    with socket.create_connection(("127.0.0.1", hub.ports["http"]), 15) as connection:
        connection.sendall(data)
        received = b""
        while more := connection.recv(65536):
            received += more
        return received


GET = b"GET /.well-known/jwks.json HTTP/1.1\r\nHost: x\r\n"
POST = b"POST /signup HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize("data, statuses", [
    (POST + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", {400}),
    (POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", {400}),
    (POST + b"Content-Length: +2\r\n\r\n{}", {400}),
    (POST + b"Content-Length: 99999999999999999999\r\n\r\n", {400, 413}),
    (POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", {400, 501}),
    (POST + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n\r\n", {400}),
    (b"GET /profile HTTP/1.1\nHost: x\n\n", {400}),
    (GET + b"X: a\rb\r\n\r\n", {400}),
    (GET + b"X: a\r\n folded\r\n\r\n", {400}),
    (GET + b"X : a\r\n\r\n", {400}),
    (GET + b"X: a\0b\r\n\r\n", {400}),
    (b"GET /profile HTTP/1.1\r\n\r\n", {400}),
    (GET + b"Host: y\r\n\r\n", {400}),
    (b"nonsense\r\n\r\n", {400}),
    (b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", {414}),
    (GET + b"X: " + b"a" * 200_000 + b"\r\n\r\n", {431}),
    (b"GET /profile HTTP/9.9\r\nHost: x\r\n\r\n", {400, 505})],
    ids=["length+encoding", "two-lengths", "odd-length", "huge-length", "unknown-encoding", "bad-chunk", "bare-lf",
         "bare-cr", "folded", "space-colon", "nul", "no-host", "two-hosts", "no-http", "long-target", "long-header",
         "version"])
def test_what_the_parser_refuses(hub, data, statuses):
    """Refused with 400 and closed …; 414, 431, 413 at limits."""
    answer = exchange(hub, data)
    match = re.match(rb"HTTP/1\.1 (\d{3}) ", answer)
    assert match and int(match[1]) in statuses, answer[:200]


def test_requests_in_one_packet_are_answered_in_order(hub):
    """HTTP/1.1: pipelined requests, a chunked body, and `Connection: close` at the end."""
    chunked = POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1;x=y\r\n}\r\n0\r\n\r\n"
    answer = exchange(hub, GET + b"\r\n" + chunked + GET + b"Connection: close\r\n\r\n")
    assert re.findall(rb"HTTP/1\.1 (\d{3}) ", answer) == [b"200", b"422", b"200"]


def test_a_connection_serves_many_requests(hub, user):
    """The connection stays open between requests, and slow bytes are read as they come."""
    with socket.create_connection(("127.0.0.1", hub.ports["http"]), 15) as connection:
        stream = connection.makefile("rb")
        for _ in range(3):
            head = GET + b"\r\n"
            for at in range(0, len(head), 7):
                connection.sendall(head[at:at + 7])
            assert stream.readline() == b"HTTP/1.1 200 OK\r\n"
            length = 0
            while (line := stream.readline()) != b"\r\n":
                name, _, value = line.partition(b":")
                length = int(value) if name.lower() == b"content-length" else length
            assert "keys" in json.loads(stream.read(length))


def test_head_is_get_without_the_body(hub):
    answer = rest.request(hub, "HEAD", "/.well-known/jwks.json").expect(200)
    assert answer.body == b"" and int(answer.headers["Content-Length"]) > 0
