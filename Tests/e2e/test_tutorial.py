"""docs/tutorial.md does what it says: its blocks are one script, and print what stands under them."""
import re
import subprocess

from support.hub import ROOT

TEXT = (ROOT / "docs/tutorial.md").read_text()
MARK = "--- end of block ---"


def blocks():
    """(commands, what they print) in order; a block without output below it prints nothing."""
    found = re.findall(r"^```sh\n(.*?)^```\n(?:```text\n(.*?)^```\n)?", TEXT, re.S | re.M)
    assert len(found) > 6 and sum(bool(output) for _, output in found) > 5
    return found


def test_tutorial(hub, tmp_path):
    script = "set -u\n" + "".join(f"{commands}\necho '{MARK}'\n" for commands, _ in blocks())
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HTTPS": str(hub.ports["https"]), "MQTTS": str(hub.ports["mqtts"]),
                   "CA": str(hub.data / "tls-cert.pem"), "LC_ALL": "C.UTF-8"}
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
    printed = done.stdout.split(MARK + "\n")
    for (commands, expected), output in zip(blocks(), printed, strict=False):
        assert output == expected, f"{commands}\nprinted\n{output}\n{done.stderr}"
    assert len(printed) == len(blocks()) + 1 and done.stderr == ""
