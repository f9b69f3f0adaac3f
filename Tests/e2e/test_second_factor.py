"""rest.md, the calls under /mfa, and `otp` at log-in; security.md "TOTP"."""
import re
from urllib.parse import parse_qs, urlsplit

import pytest

from support import rest
from support.mqtt import V5
from support.totp import Authenticator, code

PASSWORD = {"password": rest.PASSWORD}


def log_in(hub, user, **members):
    return rest.request(hub, "POST", "/login", {"username": user.name, "password": rest.PASSWORD, **members})


def enable(user):
    """Returns the authenticator and the recovery codes."""
    app = Authenticator(user.post("/mfa/totp", PASSWORD, 201).json["secret"])
    return app, user.post("/mfa/totp/confirm", {"otp": app.next()}).json["recovery_codes"]


@pytest.fixture(scope="module")
def protected(hub):
    """A user with a second factor, the app and the recovery codes."""
    user = rest.sign_up(hub, "mfa")
    return user, *enable(user)


def test_set_up(hub, client):
    """201 `{secret, otpauth_url}`, confirmed before it counts; 200 `{recovery_codes}`; other sessions are revoked."""
    user = rest.sign_up(hub, "mfa")
    other = rest.log_in(hub, user)
    live, own = client(hub, other, version=V5), client(hub, user, version=V5)
    answer = user.post("/mfa/totp", PASSWORD, 201).json
    url = urlsplit(answer["otpauth_url"])
    assert (url.scheme, url.netloc) == ("otpauth", "totp") and user.name in url.path
    assert parse_qs(url.query)["secret"] == [answer["secret"]] and len(answer["secret"]) == 32
    assert user.get("/profile")["mfa_enabled"] is False
    log_in(hub, user).expect(200)
    user.call("POST", "/mfa/totp/confirm", {"otp": "000000"}).expect_problem(422, "invalid-otp")
    codes = user.post("/mfa/totp/confirm", {"otp": Authenticator(answer["secret"]).next()}).json["recovery_codes"]
    assert len(set(codes)) == 10 and all(re.fullmatch("[a-z2-7-]{29}", one) for one in codes)
    profile = user.get("/profile")
    assert profile["mfa_enabled"] is True and profile["recovery_codes_left"] == 10
    live.wait_end(5)
    other.call("GET", "/profile").expect_problem(401)
    own.subscribe(user.inbox)


def test_log_in(hub, protected):
    """401 `mfa-required`, `invalid-otp`; the password first."""
    user, app, _ = protected
    log_in(hub, user).expect_problem(401, "mfa-required")
    log_in(hub, user, otp="nonsense").expect_problem(401, "invalid-otp")
    log_in(hub, user, otp=app.next(), password="wrong password").expect_problem(401, "invalid-credentials")
    log_in(hub, user, otp=app.next()).expect(200)


def test_a_step_counts_once(hub, protected):
    """Each step is accepted once: its code is worth nothing to whoever reads along."""
    user, app, _ = protected
    shown = app.next()
    log_in(hub, user, otp=shown).expect(200)
    log_in(hub, user, otp=shown).expect_problem(401, "invalid-otp")
    log_in(hub, user, otp=code(app.secret, app.last - 1)).expect_problem(401, "invalid-otp")


def test_a_step_counts_once_over_a_restart(make_hub):
    """It is stored."""
    hub = make_hub().start()
    user = rest.sign_up(hub)
    app, codes = enable(user)
    shown = app.next()
    log_in(hub, user, otp=shown).expect(200)
    hub.kill()
    hub.restart()
    log_in(hub, user, otp=shown).expect_problem(401, "invalid-otp")
    log_in(hub, user, otp=app.next()).expect(200)
    key = hub.data / "keys" / "secrets.key"
    assert key.stat().st_mode & 0o777 == 0o600
    # Without the key nobody reads the secret, the hub neither; recovery codes still open the door.
    hub.stop()
    key.unlink()
    hub.restart()
    log_in(hub, user, otp=app.next()).expect_problem(401, "invalid-otp")
    log_in(hub, user, otp=codes[0]).expect(200)


def test_recovery_codes(hub, protected):
    """Single use; new ones with password and code replace the old."""
    user, app, codes = protected
    log_in(hub, user, otp=codes[0]).expect(200)
    log_in(hub, user, otp=codes[0]).expect_problem(401, "invalid-otp")
    assert user.get("/profile")["recovery_codes_left"] == 9
    user.call("POST", "/mfa/recovery-codes", {"password": "wrong", "otp": "x"}).expect_problem(403, "wrong-password")
    user.call("POST", "/mfa/recovery-codes", {**PASSWORD, "otp": "x"}).expect_problem(422, "invalid-otp")
    new = user.post("/mfa/recovery-codes", {**PASSWORD, "otp": app.next()}).json["recovery_codes"]
    assert len(new) == 10 and not set(new) & set(codes)
    log_in(hub, user, otp=codes[1]).expect_problem(401, "invalid-otp")
    log_in(hub, user, otp=new[0].upper().replace("-", " ")).expect(200)


def test_what_is_refused(hub, protected):
    """403 `wrong-password`, 409 `mfa-enabled`, 422; nothing without a token."""
    user, _, _ = protected
    user.call("POST", "/mfa/totp", {"password": "wrong"}).expect_problem(403, "wrong-password")
    user.call("POST", "/mfa/totp", PASSWORD).expect_problem(409, "mfa-enabled")
    user.call("POST", "/mfa/totp", {}).expect_problem(422)
    for path in ("/mfa/totp", "/mfa/totp/confirm", "/mfa/totp/disable", "/mfa/recovery-codes"):
        rest.request(hub, "POST", path, {}).expect_problem(401, "authentication-required")


def test_disable(hub):
    """Disabling needs password and code; a factor change revokes other sessions."""
    user = rest.sign_up(hub, "mfa")
    app, _ = enable(user)
    other = rest.User(hub, log_in(hub, user, otp=app.next()).expect(200).json)
    user.call("POST", "/mfa/totp/disable", {"password": "wrong", "otp": "x"}).expect_problem(403, "wrong-password")
    user.call("POST", "/mfa/totp/disable", {**PASSWORD, "otp": "x"}).expect_problem(422, "invalid-otp")
    user.post("/mfa/totp/disable", {**PASSWORD, "otp": app.next()}, 204)
    other.call("GET", "/profile").expect_problem(401)
    assert user.get("/profile")["mfa_enabled"] is False
    log_in(hub, user).expect(200)


def test_codes_are_limited(make_hub):
    """5 tries, then 1 per 6 s."""
    hub = make_hub(limits_off=False).start()
    user = rest.sign_up(hub)
    app, codes = enable(user)
    answers = [log_in(hub, user, otp="nonsense") for _ in range(5)]
    for answer in answers:
        answer.expect_problem(401, "invalid-otp")
    # On a slow machine the first tries are so long ago that there is another one.
    answer = next(answer for answer in (log_in(hub, user, otp="nonsense") for _ in range(50)) if answer.status != 401)
    answer.expect_problem(429, "too-many-requests")
    log_in(hub, user, otp=codes[0]).expect_problem(429, "too-many-requests")
    assert 1 <= int(answer.headers["Retry-After"]) <= 6
