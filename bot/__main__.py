"""`python -m bot` is the `frontdesk` command."""

from bot.cli.main import main

main()
