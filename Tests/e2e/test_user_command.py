"""protocol.md §5: `confab user …` administers accounts; exit codes 0, 1 failure, 64 usage."""
import subprocess

import pytest

from support import admin, rest
from support.hub import binary
from support.mqtt import V5
from test_token import claims


def log_in(hub, user, password=rest.PASSWORD):
    return rest.request(hub, "POST", "/login", {"username": user.name, "password": password})


@pytest.fixture(scope="module")
def user(hub):
    return rest.sign_up(hub, "administered")


def test_list_and_show(hub, user):
    rows = [line.split("\t") for line in admin.done(hub, "list").splitlines()]
    assert [user.id, user.name, f"{user.name}@example.org", "-"] in rows
    for name in (user.id, user.name, f"{user.name}@example.org"):
        shown = admin.done(hub, "show", name)
        assert f"id: {user.id}\n" in shown and "(not verified)" in shown


def test_disable_and_enable(hub, client, user):
    """While the hub runs: nobody logs in, and connections end within 5 s."""
    session = rest.log_in(hub, user)
    live = client(hub, session, version=V5)
    admin.done(hub, "disable", user.name)
    live.wait_end(5)
    session.call("GET", "/profile").expect_problem(401)
    log_in(hub, user).expect_problem(401, "invalid-credentials")
    assert "disabled" in admin.done(hub, "show", user.name)
    admin.done(hub, "enable", user.name)
    log_in(hub, user).expect(200)
    session.call("GET", "/profile").expect_problem(401)


def test_admin(hub, client, user):
    """Whose tokens have the scope `admin`; who loses it loses the tokens that have it."""
    admin.done(hub, "admin", user.name, "on")
    session = rest.log_in(hub, user)
    assert claims(session.token)["scope"].split() == ["user", "admin"]
    live = client(hub, session, version=V5)
    live.subscribe("$SYS/#")
    admin.done(hub, "admin", user.name, "off")
    live.wait_end(5)
    client(hub, session, connect=False).connect(expect=0x87)
    assert claims(rest.log_in(hub, user).token)["scope"] == "user"


def test_reset_password(hub, client, user):
    session = rest.log_in(hub, user)
    live = client(hub, session, version=V5)
    password = admin.done(hub, "reset-password", user.name).strip()
    live.wait_end(5)
    log_in(hub, user).expect_problem(401, "invalid-credentials")
    again = rest.User(hub, log_in(hub, user, password).expect(200).json)
    again.post("/password", {"current_password": password, "new_password": rest.PASSWORD}, 204)


def test_without_the_hub(make_hub):
    """The same on the data of a hub that is stopped; what was started for it ends with it."""
    hub = make_hub().start()
    user = rest.sign_up(hub)
    hub.stop()
    admin.done(hub, "disable", user.name)
    assert hub.postgres_pid() is None
    hub.restart()
    log_in(hub, user).expect_problem(401, "invalid-credentials")


def test_with_a_database_of_ones_own(make_hub, cluster):
    hub = make_hub(database=cluster.url)
    early = admin.run(hub, "list", database=cluster.url)
    assert early.returncode == 1 and "start the hub once" in early.stderr
    hub.start()
    user = rest.sign_up(hub)
    admin.done(hub, "disable", user.name, database=cluster.url)
    log_in(hub, user).expect_problem(401, "invalid-credentials")


def test_failures(hub, user, tmp_path):
    nobody = admin.run(hub, "show", "nobody-of-that-name")
    assert nobody.returncode == 1 and nobody.stderr == "confab user: nobody-of-that-name: there is no such user\n"
    bare = admin.run(hub, "disable-mfa", user.name)
    assert bare.returncode == 1 and "no second factor" in bare.stderr
    away = admin.run(hub, "list", database="postgresql://nobody@/postgres?host=/nowhere")
    assert away.returncode == 1 and away.stderr.startswith("confab user: ")
    done = subprocess.run([binary(), "user", "list", "--data", str(tmp_path)], capture_output=True, text=True, timeout=30)
    assert done.returncode == 1 and "no database is here" in done.stderr and not list(tmp_path.iterdir())


@pytest.mark.parametrize("arguments", [[], ["show"], ["remove", "x"], ["admin", "x", "perhaps"], ["list", "--mqtt", "1"]],
                         ids=" ".join)
def test_wrong_usage_exits_with_64(arguments):
    done = subprocess.run([binary(), "user", *arguments], capture_output=True, text=True, timeout=30)
    assert done.returncode == 64 and done.stderr.startswith("confab user: ") and not done.stdout, done
