"""References in a configuration file to what must not stand in it: `${env:NAME}`, `${file:PATH}`, and `keep`.

Whoever resolves them passes in where names are looked up. This module must never put a value into a sentence.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from tieline.domain.app_settings import PUBLIC_AUTH
from tieline.domain.config_file import KEEP, AppFile, Document
from tieline.domain.fields import Problem

Lookup = Callable[[str, str], str | None]
"""By kind (`env`, `file`) and name; None if there is no such thing."""

_REFERENCE: Final = re.compile(r"\$\{(env|file):([^{}]+)\}")


class UnresolvedError(Exception):
    """A reference leads to nothing; the message names it and says what to do."""


def is_reference(text: str) -> bool:
    """Whether a text is one reference and nothing beside it."""
    return _REFERENCE.fullmatch(text) is not None


def resolved(text: str, lookup: Lookup) -> str:
    """The text with what its references lead to. Raises UnresolvedError."""

    def found(match: re.Match[str]) -> str:
        kind, name = match[1], match[2]
        value = lookup(kind, name)
        if value is None:
            cure = f"set the environment variable {name}" if kind == "env" else f"put it into the file {name}"
            raise UnresolvedError(f"{match[0]} leads to nothing: {cure}.")
        return value

    return _REFERENCE.sub(found, text)


def reference_problem(text: str) -> str | None:
    """What is wrong with how a text refers to something, as a sentence, or None."""
    if "${" in _REFERENCE.sub("", text):
        return "A reference is ${env:NAME} or ${file:PATH}."
    return None


def auth_reference_problems(where: str, auth: Mapping[str, str]) -> Iterator[Problem]:
    """Members of credentials that stand there in clear though they are secrets, or refer wrongly."""
    for name, value in auth.items():
        if name not in PUBLIC_AUTH and value != KEEP and not is_reference(value):
            said = f"A secret must not stand in this file: give ${{env:NAME}}, ${{file:PATH}} or {KEEP}."
            yield Problem(f"{where}.{name}", said)
        elif said := reference_problem(value) or "":
            yield Problem(f"{where}.{name}", said)


def resolved_app(
    app: AppFile, known: Mapping[str, str], lookup: Lookup
) -> tuple[AppFile, dict[str, str] | None]:
    """An app as a plan compares it, and its credentials in clear; None: they stay as they are.

    `known` are the credentials that are saved. A secret that is the saved one becomes `KEEP`. Raises UnresolvedError.
    """
    app = replace(
        app,
        tenant_url=None if app.tenant_url is None else resolved(app.tenant_url, lookup),
        tenant_id=None if app.tenant_id is None else resolved(app.tenant_id, lookup),
    )
    if app.auth is None:
        return app, None
    clear, shown = {}, {}
    for name, value in app.auth.items():
        if name in PUBLIC_AUTH:
            clear[name] = shown[name] = resolved(value, lookup)
        elif value == KEEP:
            if name not in known:
                raise UnresolvedError(
                    f"There is no {name} to keep for the app {app.key}: give ${{env:NAME}}."
                )
            clear[name], shown[name] = known[name], KEEP
        else:
            clear[name] = resolved(value, lookup)
            shown[name] = KEEP if known.get(name) == clear[name] else value
    return replace(app, auth=shown), None if clear == dict(known) else clear


def shown_auth(members: Mapping[str, str]) -> dict[str, str] | None:
    """Saved credentials as a document shows them; None for none."""
    return {name: value if name in PUBLIC_AUTH else KEEP for name, value in members.items()} or None


def by_environment(document: Document) -> Document:
    """The document with `${env:APP_MEMBER}` for each secret, for another installation."""
    apps = []
    for app in document.apps:
        auth = None
        if app.auth is not None:
            auth = {
                name: f"${{env:{_variable(app.key, name)}}}" if value == KEEP else value
                for name, value in app.auth.items()
            }
        apps.append(replace(app, auth=auth))
    return replace(document, apps=tuple(apps))


def _variable(*parts: str) -> str:
    return re.sub(r"[^A-Z0-9]+", "_", "_".join(parts).upper(), flags=re.ASCII).strip("_")
