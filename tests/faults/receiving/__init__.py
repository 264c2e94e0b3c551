"""Kills between a platform and its answer: the real adapters, by polling, webhook and gateway, over the stand-ins' sockets.

`house` puts a life's accounts together as `frontdesk run` does, with points around each arrow (`arrows`, `telegram_parts`,
`discord_parts`). The driver owns the platforms with their customers and their troubles (`street`, `telegram_street`,
`discord_street`) and ends the lives (`run`); `oracle` joins what users saw with SQL. `suite` says which runs there are, `report`
what they came to, `long_form` runs them; `scene` is one life by hand.
"""
