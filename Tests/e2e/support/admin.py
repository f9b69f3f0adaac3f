"""`confab user`."""
import subprocess

from support.hub import binary


def run(hub, *arguments, database=None):
    """Runs it beside the hub, or without it."""
    place = ["--database", database] if database else ["--data", str(hub.data)]
    return subprocess.run([binary(), "user", *arguments, *place], capture_output=True, text=True, timeout=60, cwd="/")


def done(hub, *arguments, **options):
    """Its output, of a run that must succeed."""
    ended = run(hub, *arguments, **options)
    assert ended.returncode == 0 and not ended.stderr, ended
    return ended.stdout
