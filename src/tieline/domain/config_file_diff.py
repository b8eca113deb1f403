"""The difference of two configurations in the words of a diff, for a person to agree to.

This module must never show a secret: documents hold none.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tieline.domain.app_settings import MAPPING_LISTS
from tieline.domain.config_file import KEEP, AppFile, Document, line_key
from tieline.domain.config_file_plan import Change, Facts
from tieline.domain.extraction.definition import AnalysisDefinition, field_json
from tieline.domain.fields import FieldSpec
from tieline.domain.mapping_changes import compare

_LONGEST = 60
_ARROWS = {"inbound_sync_mappings": "{0} -> {1}", "outbound_sync_mappings": "{1} -> {0}"}


def changes(present: Document, wanted: Document, facts: Facts) -> list[Change]:
    """Every difference of two whole configurations, in the order of the file."""
    return [
        *_field_changes(present.fields, wanted.fields, facts),
        *_app_changes(present, wanted),
        *_link_changes(present, wanted),
        *_mapping_changes(present, wanted),
        *_definition_changes(present.analysis, wanted.analysis),
        *_other_changes(present, wanted),
    ]


def _field_changes(
    present: Sequence[FieldSpec], wanted: Sequence[FieldSpec], facts: Facts
) -> Iterator[Change]:
    before, after = {spec.name: spec for spec in present}, {spec.name: spec for spec in wanted}
    for name, spec in after.items():
        if name not in before:
            options = f": {', '.join(spec.options)}" if spec.options else ""
            yield Change("add", f"field {name} ({spec.type.value}{options})")
        elif before[name] != spec:
            yield _field_change(before[name], spec)
    for name, spec in before.items():
        if name not in after:
            holders = facts.holders.get(name, 0)
            note = f"Removing it removes its values from {holders:,} {_plural(holders, 'contact')}."
            yield Change("remove", f"field {name} ({spec.type.value})", (), (note,) if holders else ())
    yield from _order_change("the order of fields", list(before), list(after))


def _field_change(before: FieldSpec, after: FieldSpec) -> Change:
    details, notes = list(_texts(before, after, ("label", "description"))), []
    details += [f"option added: {option}" for option in after.options if option not in before.options]
    gone = [option for option in before.options if option not in after.options]
    details += [f"option removed: {option}" for option in gone]
    if gone:
        notes.append("Contacts that hold a removed option keep it until their value changes.")
    if not details:
        details.append("the order of its options")
    return Change("change", f"field {after.name}", tuple(details), tuple(notes))


def _app_changes(present: Document, wanted: Document) -> Iterator[Change]:
    for app in wanted.apps:
        before = present.app(app.key)
        if before is not None and before.provider == app.provider:
            if before != app:
                yield _app_change(before, app)
            continue
        if before is not None:
            yield _deleted(before)
        auth = () if app.auth else ("It has no credentials yet, so nothing is checked against its CRM.",)
        yield Change("add", f"app {app.key} ({app.provider})", _app_details(AppFile(app.provider), app), auth)
    for app in present.apps:
        if wanted.app(app.key) is None:
            yield _deleted(app)


def _deleted(app: AppFile) -> Change:
    said = "Its credentials are forgotten and its syncs end; contacts, values, links and history stay."
    return Change("remove", f"app {app.key} ({app.provider})", (), (said,))


def _app_change(before: AppFile, after: AppFile) -> Change:
    notes = []
    if before.tenant_url != after.tenant_url:
        notes.append("If that is another CRM tenant, the app stops until you confirm the switch.")
    mapped = compare(before.crm_config, after.crm_config)
    if mapped.must_read:
        notes.append("All records are read again, because something is read that was not read before.")
    if mapped.outbound:
        notes.append(
            "What is written newly is written from the next change on; existing values are not pushed."
        )
    if mapped.removed:
        notes.append("A removed mapping clears nothing on either side.")
    named = _texts(before, after, ("name",))
    return Change("change", f"app {after.key}", (*named, *_app_details(before, after)), tuple(notes))


def _app_details(before: AppFile, after: AppFile) -> tuple[str, ...]:
    details = list(_texts(before, after, ("tenant_url", "tenant_id")))
    details += _auth_details(before.auth or {}, after.auth or {})
    for name, arrow in _ARROWS.items():
        details += _line_details(name, arrow, before.crm_config, after.crm_config)
    names = dict.fromkeys([*before.crm_config, *after.crm_config])
    for name in (name for name in names if name not in MAPPING_LISTS):
        old, new = before.crm_config.get(name), after.crm_config.get(name)
        if old != new:
            details.append(f"{name}: {_short(old)} -> {_short(new)}")
    return tuple(details)


def _auth_details(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[str]:
    for name in dict.fromkeys([*before, *after]):
        old, new = before.get(name), after.get(name)
        if old != new:
            shown = f"new value from {new}" if new and old == KEEP else f"{_short(old)} -> {_short(new)}"
            yield f"auth.{name}: {shown}"


def _line_details(
    name: str, arrow: str, before: Mapping[str, Any], after: Mapping[str, Any]
) -> Iterator[str]:
    direction = name.removesuffix("_sync_mappings")
    old = {line_key(line): line for line in before.get(name) or ()}
    new = {line_key(line): line for line in after.get(name) or ()}
    for key, line in new.items():
        called = f"{direction} mapping {arrow.format(*key)}"
        more = {member: value for member, value in line.items() if member not in _KEY and value}
        if key not in old:
            yield f"+ {called}{_listed(more)}"
        elif old[key] != line:
            was = {member: value for member, value in old[key].items() if member not in _KEY and value}
            changed = {member for member in {**was, **more} if was.get(member) != more.get(member)}
            told = (f"{one}: {_short(was.get(one))} -> {_short(more.get(one))}" for one in sorted(changed))
            yield f"~ {called}: {'; '.join(told)}"
    yield from (f"- {direction} mapping {arrow.format(*key)}" for key in old if key not in new)
    if not _same_order(list(old), list(new)):
        yield f"~ the order of {direction} mappings"


_KEY = ("external_field_name", "field_name")


def _link_changes(present: Document, wanted: Document) -> Iterator[Change]:
    if present.linked_app == wanted.linked_app:
        return
    detail = f"{present.linked_app or 'none'} -> {wanted.linked_app or 'none'}"
    note = "No app syncs contacts any more."
    if wanted.linked_app is not None:
        note = f"The next sync of {wanted.linked_app} reads all records."
    yield Change("change", "linked app", (detail,), (note,))


def _mapping_changes(present: Document, wanted: Document) -> Iterator[Change]:
    old = {(one.analysis_data_name, one.field_name): one for one in present.analysis_mappings}
    new = {(one.analysis_data_name, one.field_name): one for one in wanted.analysis_mappings}
    for key, mapping in new.items():
        called = f"analysis mapping {key[0]} -> {key[1]}"
        members = {"update_mode": mapping.update_mode.value, **mapping.options()}
        if key not in old:
            yield Change("add", f"{called}{_listed(members)}")
        elif old[key] != mapping:
            was = {"update_mode": old[key].update_mode.value, **old[key].options()}
            yield Change("change", called, tuple(_member_details(was, members)))
    for key in old:
        if key not in new:
            yield Change("remove", f"analysis mapping {key[0]} -> {key[1]}", (), ("Values stay.",))
    yield from _order_change("the order of analysis mappings", list(old), list(new))


def _definition_changes(
    present: Sequence[AnalysisDefinition], wanted: Sequence[AnalysisDefinition]
) -> Iterator[Change]:
    old = {one.agent_id: one for one in present}
    new = {one.agent_id: one for one in wanted}
    note = ("It counts for conversations from then on.",)
    for agent, definition in new.items():
        called = f"analysis of {agent or 'all agents'}"
        was = old.get(agent)
        if was is None:
            yield Change("add", called, tuple(_definition_details(AnalysisDefinition(), definition)), note)
        elif was != definition:
            yield Change("change", called, tuple(_definition_details(was, definition)), note)
    for agent in old:
        if agent not in new:
            yield Change("remove", f"analysis of {agent or 'all agents'}", (), note)


def _definition_details(before: AnalysisDefinition, after: AnalysisDefinition) -> Iterator[str]:
    yield from _texts(before, after, ("time_zone", "default_country"))
    for kind in ("call", "chat"):
        was, now = getattr(before, f"{kind}_fields"), getattr(after, f"{kind}_fields")
        if was == now:
            continue
        old = {one.name: field_json(one) for one in was or ()}
        new = {one.name: field_json(one) for one in now or ()}
        told = [f"+ in {kind}s {name}" for name in new if name not in old]
        told += [f"~ in {kind}s {name}" for name in new if name in old and old[name] != new[name]]
        told += [f"- in {kind}s {name}" for name in old if name not in new]
        if now is None:
            told = [f"- {kind}s: nothing is said about them"]
        yield from told or [f"~ {kind}s: {'the order' if was is not None else 'the presets alone'}"]


def _other_changes(present: Document, wanted: Document) -> Iterator[Change]:
    old, new = {tag.id: tag.label for tag in present.tags}, {tag.id: tag.label for tag in wanted.tags}
    for id_, label in new.items():
        if id_ not in old:
            yield Change("add", f"tag {label}")
        elif old[id_] != label:
            yield Change("change", f"tag {old[id_]}", (f"label: {_short(old[id_])} -> {_short(label)}",))
    yield from (Change("remove", f"tag {label}") for id_, label in old.items() if id_ not in new)
    yield from _order_change("the order of tags", list(old), list(new))
    if present.columns != wanted.columns:
        told = f"{', '.join(present.columns) or 'none'} -> {', '.join(wanted.columns) or 'none'}"
        yield Change("change", "columns", (told,))
    if present.memory_enabled != wanted.memory_enabled:
        yield Change(
            "change", "memory of contacts", ("on -> off" if present.memory_enabled else "off -> on",)
        )
    if present.memory_prompt != wanted.memory_prompt:
        told = f"{_short(present.memory_prompt)} -> {_short(wanted.memory_prompt)}"
        yield Change("change", "memory prompt", (told,))


def _texts(before: object, after: object, names: Sequence[str]) -> Iterator[str]:
    was = {name: getattr(before, name) or None for name in names}
    yield from _member_details(was, {name: getattr(after, name) or None for name in names})


def _member_details(was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    for name in dict.fromkeys([*was, *now]):
        if was.get(name) != now.get(name):
            yield f"{name}: {_short(was.get(name))} -> {_short(now.get(name))}"


def _order_change(what: str, old: list[Any], new: list[Any]) -> Iterator[Change]:
    if not _same_order(old, new):
        yield Change("change", what)


def _same_order(old: list[Any], new: list[Any]) -> bool:
    """Whether what is in both comes in the same order, and what is new after it."""
    kept = [one for one in old if one in set(new)]
    return [*kept, *(one for one in new if one not in set(old))] == new


def _listed(members: Mapping[str, Any]) -> str:
    told = ", ".join(f"{name} {_short(value)}" for name, value in members.items())
    return f" ({told})" if told else ""


def _short(value: Any) -> str:
    if value is None:
        return "(none)"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {_short(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_short, value)) + "]"
    text = str(value).lower() if isinstance(value, bool) else " ".join(str(value).split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _plural(number: int, noun: str) -> str:
    return noun if number == 1 else f"{noun}s"
