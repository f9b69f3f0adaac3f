"""The hub while PostgreSQL hangs or recovers: a crash at the wrong moment undoes nothing (protocol.md §3)."""
import signal
import threading

from crash import faults
from support import rest, wire
from support.waiting import eventually
from support.wire import Wire

HANG_SECONDS = 3


def is_running(pid):
    return bool(faults.command_line(pid))


def log_in(hub, user):
    return Wire(hub).log_in(user, level=4, client_id="phone")


def test_a_late_statement_of_a_killed_hub_changes_nothing(make_hub):
    """What the first hub had sent lies unread while its backends hang. Done after what the second hub does, it would break
    the order of a client's messages, unnoticed by who reads the topic, and take sessions back to where they were."""
    hub = make_hub("--reactors", "2").start()
    first, second = rest.friends(hub)
    topic = first.direct_topic(second)
    first.send(second, text="before")
    phone = log_in(hub, first)
    hung = faults.backends(hub)
    faults.send(hung, signal.SIGSTOP)
    phone.send(wire.publish(topic, b"one", 4, qos=1))
    # Nothing shows from outside that the statement has left the hub. Too short a time only makes the test prove less.
    threading.Event().wait(0.5)
    hub.kill()
    threading.Timer(HANG_SECONDS, faults.send, (hung, signal.SIGCONT)).start()
    hub.restart()
    log_in(hub, first).send(wire.publish(topic, b"two", 4, qos=1)).expect(wire.PUBACK)
    eventually(lambda: not any(map(is_running, hung)), "the first hub's backends end")
    assert [item["body"]["text"] for item in second.items(first, "?after=1")] in (["two"], ["one", "two"])
    hub.stop()


def startup_process(hub):
    """The one that reads PostgreSQL's log after a crash."""
    return next((pid for pid in faults.postgres_processes(hub)[1:] if "startup" in faults.command_line(pid)), None)


def test_a_stop_while_postgresql_recovers(make_hub):
    """It ends in time, though PostgreSQL, asked for a fast stop at that moment, would not."""
    hub = make_hub().start()
    faults.send(faults.backends(hub)[:1], signal.SIGKILL)
    recovering = eventually(lambda: startup_process(hub), "PostgreSQL recovers")
    faults.send([recovering], signal.SIGSTOP)
    log = hub.data / "postgres/cluster/log"

    def go_on():
        eventually(lambda: any("shutdown request" in path.read_text() for path in log.iterdir()), "a shutdown request")
        faults.send([recovering], signal.SIGCONT)

    waiting = threading.Thread(target=go_on)
    waiting.start()
    hub.stop()
    waiting.join()
    hub.restart()
    rest.sign_up(hub)
    hub.stop()
