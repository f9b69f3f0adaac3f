"""rest.md: /password, /password/forgot, /password/reset, /email/verify; security.md "Passwords", "Log-in"."""
import statistics
import subprocess
import time

import pytest

from support import rest
from support.hub import Hub
from support.mailbox import Mailbox
from support.mqtt import V5
from support.waiting import eventually

NEW = "a completely fresh password"


def log_in(hub, name, password, **options):
    return rest.request(hub, "POST", "/login", {"username": name, "password": password}, **options)


@pytest.fixture(scope="module")
def mailbox(tmp_path_factory):
    return Mailbox(tmp_path_factory.mktemp("mail"))


@pytest.fixture(scope="module")
def mailing_hub(mailbox):
    """A hub that sends mail."""
    hub = Hub("--mail-command", f"{mailbox.program} -t", "--public-url", "https://chat.example.org")
    try:
        yield hub.start()
        hub.stop()
    finally:
        hub.discard()


# A password that is known


def test_change(hub, client):
    """204, other sessions revoked; their connections end within 5 s."""
    user = rest.sign_up(hub, "password")
    other = rest.log_in(hub, user)
    live, own = client(hub, other, version=V5), client(hub, user, version=V5)
    user.post("/password", {"current_password": rest.PASSWORD, "new_password": NEW}, 204)
    live.wait_end(5)
    other.call("GET", "/profile").expect_problem(401)
    refresh = {"refresh_token": other.tokens["refresh_token"]}
    rest.request(hub, "POST", "/token/refresh", refresh).expect_problem(401, "invalid-token")
    own.subscribe(user.inbox)
    log_in(hub, user.name, rest.PASSWORD).expect_problem(401, "invalid-credentials")
    log_in(hub, user.name, NEW).expect(200)


@pytest.mark.parametrize("current, new, status, problem", [
    ("wrong password", NEW, 403, "wrong-password"), (rest.PASSWORD, "short", 422, "weak-password"),
    (rest.PASSWORD, "password123", 422, "weak-password"), (rest.PASSWORD, "x" * 257, 422, "weak-password"),
    (rest.PASSWORD, None, 422, "invalid-request")])
def test_what_change_refuses(pair, current, new, status, problem):
    """403 `wrong-password` (never 401), 422 `weak-password`."""
    pair[0].call("POST", "/password", {"current_password": current, "new_password": new}).expect_problem(status, problem)


# A password that is forgotten


def test_without_mail(hub):
    """501 `mail-not-configured`."""
    for path, body in [("/password/forgot", {"email": "a@example.org"}),
                       ("/password/reset", {"code": "x", "new_password": NEW}), ("/email/verify", {"code": "x"})]:
        rest.request(hub, "POST", path, body).expect_problem(501, "mail-not-configured")


def test_verify(mailing_hub, mailbox):
    """A code is mailed at sign-up; POST /email/verify {code}: 204."""
    user = rest.sign_up(mailing_hub, "verify")
    address = f"{user.name}@example.org"
    code = mailbox.code(address)
    message, arguments = mailbox.mails(address)[0]
    assert message["From"] == '"chat.example.org" <no-reply@chat.example.org>' and arguments == "-t"
    assert user.get("/profile")["email_verified"] is False
    rest.request(mailing_hub, "POST", "/email/verify", {"code": code[::-1]}).expect_problem(422, "invalid-code")
    rest.request(mailing_hub, "POST", "/email/verify", {"code": code}).expect(204)
    assert user.get("/profile")["email_verified"] is True
    rest.request(mailing_hub, "POST", "/email/verify", {"code": code}).expect_problem(422, "invalid-code")


def test_reset(mailing_hub, mailbox, client):
    """202 whoever it is; the code sets a new password once, and all sessions end."""
    user = rest.sign_up(mailing_hub, "reset")
    address = f"{user.name}@example.org"
    live = client(mailing_hub, user, version=V5)
    mailbox.code(address)
    for email in (address.upper(), "nobody-of-that-name@example.org"):
        answer = rest.request(mailing_hub, "POST", "/password/forgot", {"email": email}).expect(202)
        assert answer.body == b""
    code = mailbox.code(address, count=2)

    def reset(code, password):
        return rest.request(mailing_hub, "POST", "/password/reset", {"code": code, "new_password": password})

    reset(code, "short").expect_problem(422, "weak-password")
    reset("nonsense", NEW).expect_problem(422, "invalid-code")
    reset(code, NEW).expect(204)
    live.wait_end(5)
    user.call("GET", "/profile").expect_problem(401)
    reset(code, NEW + "!").expect_problem(422, "invalid-code")
    log_in(mailing_hub, user.name, NEW).expect(200)
    assert not mailbox.mails("nobody-of-that-name@example.org")


def test_mail_waits_for_its_program(mailing_hub, mailbox):
    """It lies in an outbox and is tried again."""
    mailbox.break_down()
    user = rest.sign_up(mailing_hub, "waiting")
    eventually(lambda: "could not be sent, attempt 1: exit code 75" in mailing_hub.log_text(), "the first attempt fails")
    mailbox.repair()
    mailbox.code(f"{user.name}@example.org")


def test_mail_survives_the_hub(make_hub, mailbox):
    """kill -9 between sign-up and mail; and a program without `-t` gets the recipient as argument."""
    hub = make_hub("--mail-command", str(mailbox.program), "--mail-from", "hub@example.net").start()
    mailbox.break_down()
    user = rest.sign_up(hub, "crash")
    hub.kill()
    mailbox.repair()
    hub.restart()
    address = f"{user.name}@example.org"
    mailbox.code(address)
    message, arguments = mailbox.mails(address)[0]
    assert arguments == address and message["From"] == '"localhost" <hub@example.net>'


# Guessing


@pytest.fixture(scope="module")
def guarded_hub():
    """Limits are on, and each test comes from addresses of its own."""
    hub = Hub("--trusted-proxy", "127.0.0.0/8", limits_off=False)
    try:
        yield hub.start()
        hub.stop()
    finally:
        hub.discard()


def coming_from(address):
    return {"headers": {"X-Forwarded-For": address}}


def test_five_tries(guarded_hub):
    """(account, address): 5, then 1 per 333 s; unknown names have buckets like known ones; a 429 is the same for all."""
    user = rest.sign_up(guarded_hub, "guarded")
    problems = []
    for name, address in ((user.name, "192.0.2.1"), ("nobody-of-that-name", "192.0.2.2")):
        for _ in range(5):
            log_in(guarded_hub, name, "wrong password", **coming_from(address)).expect_problem(401)
        answer = log_in(guarded_hub, name, rest.PASSWORD, **coming_from(address))
        problem = answer.expect_problem(429, "too-many-requests")
        assert 300 < int(answer.headers["Retry-After"]) <= 333
        problem.pop("request_id")
        problems.append(problem)
    assert problems[0] == problems[1]
    log_in(guarded_hub, user.name, rest.PASSWORD, **coming_from("192.0.2.3")).expect(200)


def test_successes_do_not_count(guarded_hub):
    """Only failures count."""
    user = rest.sign_up(guarded_hub, "guarded")
    for _ in range(7):
        log_in(guarded_hub, user.name, rest.PASSWORD, **coming_from("192.0.2.9")).expect(200)


def test_ipv6_counts_by_64_bits(guarded_hub):
    user = rest.sign_up(guarded_hub, "guarded")
    statuses = [log_in(guarded_hub, user.name, "wrong password", **coming_from(f"2001:db8:1:2::{host}")).status
                for host in range(6)]
    assert statuses == [401] * 5 + [429]
    log_in(guarded_hub, user.name, rest.PASSWORD, **coming_from("2001:db8:1:3::1")).expect(200)


def test_the_limit_comes_before_the_password(guarded_hub):
    """So a refusal costs the hub nothing: it is answered at once."""
    for _ in range(5):
        log_in(guarded_hub, "nobody-of-that-name", "wrong password", **coming_from("192.0.2.77")).expect(401)
    started = time.monotonic()
    for _ in range(20):
        log_in(guarded_hub, "nobody-of-that-name", "wrong password", **coming_from("192.0.2.77")).expect(429)
    assert time.monotonic() - started < 5


def test_unknown_users_take_as_long(hub, pair):
    """One duration for unknown user and wrong password: a dummy hash runs."""
    def seconds(name):
        started = time.monotonic()
        log_in(hub, name, "wrong password").expect_problem(401, "invalid-credentials")
        return time.monotonic() - started

    pairs = [(seconds(pair[0].name), seconds("nobody-of-that-name")) for _ in range(5)]
    known, unknown = (statistics.median(times) for times in zip(*pairs))
    assert unknown > known / 2 and known > unknown / 2, pairs


def test_sign_ups_are_limited(guarded_hub):
    """20 an hour and address. What is refused for its form costs nothing, and does not count."""
    def sign_up(body):
        return rest.request(guarded_hub, "POST", "/signup", body, **coming_from("198.51.100.1")).status

    name = rest.unique_name("many")
    bodies = [{"username": f"{name}-{n}", "email": f"{name}-{n}@example.org", "password": rest.PASSWORD}
              for n in range(21)]
    assert sign_up({}) == 422
    assert [sign_up(body) for body in bodies] == [201] * 20 + [429]


@pytest.mark.parametrize("flags", [["--mail-command", "/no/such/program"], ["--trusted-proxy", "10.0.0.1/8"]])
def test_wrong_flags(flags, tmp_path):
    from support.hub import binary
    done = subprocess.run([binary(), "serve", "--data", str(tmp_path / "d"), *flags], capture_output=True, text=True,
                          timeout=30)
    assert done.returncode == 64 and flags[0] in done.stderr
