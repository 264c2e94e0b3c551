"""What is said to the person at the terminal, who may leave."""

import subprocess
import sys

SCRIPT = """
import sys
from bot.cli.progress import say
say("ready")
sys.stdin.read()
for _ in range(3):
    say("news")
print("still here", file=sys.stderr)
"""


def test_a_reader_that_leaves_ends_nothing() -> None:
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", SCRIPT], stdin=pipe, stdout=pipe, stderr=pipe) as speaker:
        assert speaker.stdin is not None
        assert speaker.stdout is not None
        assert speaker.stderr is not None
        assert speaker.stdout.readline() == b"ready\n"
        speaker.stdout.close()
        speaker.stdin.close()
        assert speaker.stderr.read() == b"still here\n"
    assert speaker.returncode == 0
