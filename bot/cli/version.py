"""`frontdesk version`."""

import argparse
from importlib.metadata import version


def execute(_given: argparse.Namespace) -> int:
    print(f"frontdesk {version('frontdesk')}")
    return 0
