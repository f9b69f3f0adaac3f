"""A program with the interface of sendmail, which keeps what it is given in files."""
import email
import pathlib
import re

from support.waiting import eventually

SCRIPT = """#!/bin/sh
if [ -e "{folder}/broken" ]; then echo "out of order" >&2; exit 75; fi
name=$(mktemp "{folder}/mail-XXXXXX")
cat > "$name.part"
echo "$@" > "$name.recipients"
mv "$name.part" "$name.eml"
rm "$name"
"""


class Mailbox:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder) / "mailbox"
        self.folder.mkdir()
        self.program = self.folder / "sendmail"
        self.program.write_text(SCRIPT.format(folder=self.folder))
        self.program.chmod(0o755)

    def mails(self, to):
        """(message, arguments) of all mails to that address."""
        found = []
        for path in sorted(self.folder.glob("*.eml"), key=lambda path: path.stat().st_mtime_ns):
            message = email.message_from_string(path.read_text())
            if message["To"] == to:
                found.append((message, path.with_suffix(".recipients").read_text().strip()))
        return found

    def code(self, to, count=1):
        """The code in the newest of `count` mails."""
        mails = eventually(lambda: len(self.mails(to)) >= count and self.mails(to), f"mail {count} to {to}")
        return re.search(r"^[A-Za-z0-9_-]{22}$", mails[-1][0].get_payload(), re.MULTILINE).group()

    def break_down(self):
        (self.folder / "broken").touch()

    def repair(self):
        (self.folder / "broken").unlink()
