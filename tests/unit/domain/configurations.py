"""Random configurations, as the laws of configuration files need them."""

import string
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from tieline.domain.analysis_mapping import AnalysisMapping
from tieline.domain.config_file import KEEP, AppFile, Document
from tieline.domain.configuration import ContactTag
from tieline.domain.extraction.definition import AnalysisDefinition, AnalysisField, AnalysisType
from tieline.domain.facts import MergeStrategy
from tieline.domain.fields import FieldSpec
from tieline.domain.update_modes import UpdateMode
from tieline.domain.values import FieldType

NAMES = st.sampled_from(["plan", "score", "notes", "no", "null", "on", "y", "a1e5"])
TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n\t"), max_size=12)
WORDS = st.one_of(
    st.sampled_from(
        ["yes", "NO", "1e3", "012", "0x1F", "12:30", "2026-01-01", "~", "=", "<<", "- a", "#x", "a: b"]
    ),
    TEXTS.map(str.strip).filter(bool),
)
AGENTS = st.sampled_from(["", "agent_1", "agent_2"])


@st.composite
def fields(draw: st.DrawFn) -> FieldSpec:
    kind = draw(st.sampled_from(FieldType))
    options = draw(st.lists(WORDS, min_size=1, max_size=3, unique=True)) if kind is FieldType.ENUM else []
    return FieldSpec(draw(NAMES), kind, draw(TEXTS), draw(TEXTS), tuple(options))


@st.composite
def lines(draw: st.DrawFn) -> dict[str, Any]:
    line: dict[str, Any] = {"external_field_name": draw(NAMES), "field_name": draw(NAMES)}
    if draw(st.booleans()):
        line["policy"] = draw(st.sampled_from(["crm_wins", "review"]))
    if draw(st.booleans()):
        line["options"] = draw(st.dictionaries(WORDS, WORDS, min_size=1, max_size=2))
    if draw(st.booleans()):
        line["lossy_confirmed"] = True
    return line


def _key(line: dict[str, Any]) -> tuple[str, str]:
    return line["external_field_name"], line["field_name"]


CONFIGS = st.fixed_dictionaries(
    {},
    optional={
        "inbound_sync_mappings": st.lists(lines(), max_size=3, unique_by=_key),
        "outbound_sync_mappings": st.lists(lines(), max_size=3, unique_by=_key),
        "default_country": st.sampled_from(["US", "NO", "DE"]),
        "sync_new_contacts": st.booleans(),
        "sync_interval_minutes": st.integers(1, 100),
        "brake": st.fixed_dictionaries(
            {
                "contacts_changed": st.fixed_dictionaries(
                    {"share": st.decimals(0, 1, places=3), "number": st.none()}
                )
            }
        ),
    },
)
AUTHS = st.one_of(
    st.none(),
    st.fixed_dictionaries(
        {"type": st.just("oauth2"), "client_id": WORDS, "client_secret": st.sampled_from([KEEP, "${env:A}"])}
    ),
)  # fmt: skip
URLS = st.sampled_from([None, "https://a.example", "https://b.example"])
APPS = st.builds(
    AppFile, st.sampled_from(["salesforce", "hubspot"]), st.sampled_from(["", "one", "two"]), URLS, st.none(), AUTHS,
    CONFIGS,
)  # fmt: skip
MAPPINGS = st.builds(
    AnalysisMapping, NAMES, NAMES, st.sampled_from(UpdateMode), st.just(()), st.sampled_from([(), ("inbound",)]),
    st.booleans(), st.sampled_from([None, 0.5, 0.25]), st.sampled_from(MergeStrategy), st.sampled_from([None, 80]),
)  # fmt: skip
FOUND = st.builds(
    AnalysisField, NAMES, st.sampled_from([AnalysisType.STRING, AnalysisType.DATE]), st.just("What.")
)
LISTS = st.one_of(st.none(), st.lists(FOUND, max_size=2, unique_by=lambda one: one.name).map(tuple))
DEFINITIONS = st.builds(
    AnalysisDefinition,
    AGENTS,
    LISTS,
    LISTS,
    st.sampled_from([None, "Europe/Berlin"]),
    st.sampled_from([None, "NO"]),
).filter(lambda one: one.call_fields is not None or one.chat_fields is not None)
TAGS = st.builds(ContactTag, st.text(string.hexdigits.lower(), min_size=32, max_size=32), WORDS)


@st.composite
def documents(draw: st.DrawFn) -> Document:
    """Whole configurations: every section is given, and nothing is in it twice."""
    apps = draw(st.lists(APPS, max_size=2, unique_by=lambda app: app.key))
    return Document(
        fields=tuple(draw(st.lists(fields(), max_size=3, unique_by=lambda spec: spec.name))),
        apps=tuple(apps),
        linked_app=draw(st.sampled_from([None, *(app.key for app in apps)])),
        analysis_mappings=tuple(
            draw(
                st.lists(MAPPINGS, max_size=3, unique_by=lambda one: (one.analysis_data_name, one.field_name))
            )
        ),
        analysis=tuple(draw(st.lists(DEFINITIONS, max_size=2, unique_by=lambda one: one.agent_id))),
        tags=tuple(draw(st.lists(TAGS, max_size=2, unique_by=lambda tag: tag.id))),
        columns=tuple(draw(st.lists(NAMES, max_size=2))),
        memory_enabled=draw(st.booleans()),
        memory_prompt=draw(st.one_of(st.none(), TEXTS)),
    )


def plain_json(value: Any) -> Any:
    """Data as a JSON Schema validator takes it: no decimals."""
    match value:
        case Decimal():
            return float(value)
        case dict():
            return {name: plain_json(item) for name, item in value.items()}
        case list():
            return [plain_json(item) for item in value]
        case _:
            return value
