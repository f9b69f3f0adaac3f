"""Issue "A running hub", step 2: those lines work as printed."""
import os
import subprocess

from support.waiting import eventually

FIRST, LAST = "# --- try it ---", "# --- end ---"
WORDS = ("/signup", "/friends/", "mosquitto_sub", "mosquitto_pub", "/messages/")


def printed_lines(hub):
    lines = eventually(lambda: (text := hub.log_text()) and LAST in text.splitlines() and text.splitlines(),
                       "the hub prints its hints")
    return lines[lines.index(FIRST) + 1:lines.index(LAST)]


def test_the_printed_session_works(make_hub, tmp_path):
    """prints copy-paste lines …: sign up two users with curl, befriend them, subscribe with mosquitto_sub, publish
    with mosquitto_pub, read the history with curl."""
    hub = make_hub("--hints", limits_off=False).start()
    block = "\n".join(printed_lines(hub)) + "\n"
    for word in WORDS:
        assert word in block, f"nothing about {word}:\n{block}"
    done = subprocess.run(["bash", "-e"], input=block, capture_output=True, text=True, timeout=90, cwd=tmp_path,
                          env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LC_ALL": "C.UTF-8"})
    assert done.returncode == 0, f"{block}\n--- printed:\n{done.stdout}\n--- errors:\n{done.stderr}"
    envelopes = "".join(done.stdout.split()).count('"type":"message"')
    assert envelopes >= 2, f"the message is not both delivered and in the history:\n{done.stdout}"
    hub.stop()


def test_no_hints_unless_asked(hub):
    assert FIRST not in hub.log_text()
