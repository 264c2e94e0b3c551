"""pip as a child that ends with whoever holds its standard input: `python -m serving.models.fetching ARGUMENTS OF PIP`."""

import os
import runpy
import sys

from serving import lifeline

if __name__ == "__main__":
    lifeline.watch(sys.stdin.fileno(), lambda: os._exit(1))
    runpy.run_module("pip", run_name="__main__", alter_sys=True)
