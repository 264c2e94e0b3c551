"""The web channel: a chat API, one page and one embeddable widget that use only that API."""
