"""What a failure prints: the breaches, what happened around them, and how to repeat the run."""
import pathlib
import re
import tempfile

from crash import packets

EVENTS_SHOWN = 40
BREACHES_SHOWN = 12
WIDTH = 240


def describe(run):
    site = run.site
    last = [index for index, (_, who, _) in enumerate(site.events) if who == "round"]
    events = list(site.events)[last[-1] if last else 0:]
    number = re.match(r"\d+", events[0][2])[0] if last else "1"
    folder = write_traces(run)
    lines = [f"{len(site.breaches)} breaches in round {number} of seed {run.seed}:",
             *(shorten(breach) for breach in site.breaches[:BREACHES_SHOWN]), "",
             f"what happened in that round (the last {EVENTS_SHOWN} events):"]
    lines += [shorten(f"{moment:9.3f} {who}: {what}") for moment, who, what in events[-EVENTS_SHOWN:]]
    lines += ["", "the hub's log ends:", *(shorten(line) for line in site.hub.log_tail().splitlines()), "",
              f"all events, the last packets of each client, and the hub's log: {folder}",
              f"again: make crash SEED={run.seed} ROUNDS={number}   (that round alone: FIRST={number} ROUNDS=1)"]
    return "\n".join(lines)


def shorten(line):
    return line if len(line) <= WIDTH else line[:WIDTH] + "…"


def write_traces(run):
    """Files with everything that is known; returns their folder."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="confab-crash-"))
    (folder / "hub.log").write_text(run.site.hub.log_text())
    events = [f"{moment:9.3f} {who}: {what}\n" for moment, who, what in run.site.events]
    (folder / "events").write_text("".join(events))
    (folder / "breaches").write_text("\n".join(run.site.breaches))
    for client in run.cast.clients:
        (folder / client.name).write_text("".join(trace(*packet) for packet in client.recent))
    return folder


def trace(moment, connection, direction, first, body):
    return f"{moment:9.3f} {connection} {direction} {packets.NAMES.get(first >> 4, first >> 4)} {first & 15:x} {body!r}\n"
