"""`python -m serving.models list | pull NAME | show NAME`, with the settings FRONTDESK_CONFIG and the environment give."""

import os
import sys

from serving import settings
from serving.errors import SettingsError
from serving.models.commands import main

if __name__ == "__main__":
    try:
        chosen = settings.load(None, os.environ)
    except SettingsError as error:
        sys.exit(f"{error}")
    sys.exit(main(sys.argv[1:], chosen))
