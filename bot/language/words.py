"""What the platform itself says, in each language it knows: one Fluent file a language, English where another lacks a word."""

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files

from fluent.runtime import FluentBundle, FluentResource
from fluent.syntax.ast import Junk

ENGLISH = "en"


class Words:
    """`texts`: the Fluent source of each language, English among them. Raises ValueError for one that cannot be read."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._bundles = {language: _bundle(language, text) for language, text in texts.items()}

    @property
    def languages(self) -> Sequence[str]:
        """Two letters each, English first."""
        return sorted(self._bundles, key=lambda one: (one != ENGLISH, one))

    def nearest(self, tag: str) -> str:
        """The language of an IETF tag (`de-AT`) that is known, else English."""
        language = tag.replace("_", "-").partition("-")[0].lower()
        return language if language in self._bundles else ENGLISH

    def say(self, name: str, tag: str, /, **values: str | int) -> str:
        """The words called `name` in the language of a tag. Asserts that English has them and that all values are given."""
        language = self.nearest(tag)
        bundle = self._bundles[language if self._bundles[language].has_message(name) else ENGLISH]
        pattern = bundle.get_message(name).value
        assert pattern is not None, f"{name} has no words"
        text, errors = bundle.format_pattern(pattern, values)
        assert not errors, f"{name} in {language}: {errors}"
        return str(text)

    def everywhere(self, name: str) -> Mapping[str, str]:
        """The words called `name` in each language, for those that are said without values."""
        return {language: self.say(name, language) for language in self.languages}


def _bundle(language: str, text: str) -> FluentBundle:
    bundle = FluentBundle([language], use_isolating=False)  # platforms show the marks of isolation as boxes
    resource = FluentResource(text)
    if junk := [one.content or "" for one in resource.body if isinstance(one, Junk)]:
        raise ValueError(f"{language}: {junk[0].strip().splitlines()[0]} is no Fluent")
    bundle.add_resource(resource)
    return bundle


@cache
def known() -> Words:
    """The words that come with Frontdesk."""
    found = (files("bot.language") / "texts").iterdir()
    return Words({one.name.removesuffix(".ftl"): one.read_text("utf-8") for one in found if one.name.endswith(".ftl")})
