"""Waiting for events with a deadline, never for a time."""
import threading
import time

DEADLINE_SECONDS = 15.0


def eventually(check, what, seconds=DEADLINE_SECONDS):
    """Returns check()'s first true answer; an exception counts as not yet. For states that only polling shows."""
    limit = time.monotonic() + seconds
    pause = threading.Event()
    last = None
    while True:
        try:
            answer = check()
            if answer:
                return answer
            last = answer
        except (OSError, AssertionError) as error:
            last = error
        if time.monotonic() > limit:
            raise AssertionError(f"{what}: not within {seconds} s; last: {last!r}")
        pause.wait(0.02)
