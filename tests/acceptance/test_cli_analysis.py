"""Defining, showing and rerunning analyses, and what models took, as it is typed."""

import json
from collections.abc import Iterator

import psycopg
import pytest
from tests.acceptance.shell import Shell, running_shell

FIELDS = [
    {"type": "enum", "name": "status", "description": "Where they stand.", "choices": ["New", "Hot"]},
    {"type": "number", "name": "budget", "description": "In USD.", "required": True},
]
EVIDENCE = {"budget": {"quote": "five thousand", "start": 6, "end": 19, "confidence": 0.8}}


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    with running_shell(tmp_path_factory.mktemp("analysis")) as shell:
        assert shell.type("org", "create", "Acme", "--id", "org_a").code == 0
        with psycopg.connect(shell.database_url, autocommit=True) as database:
            database.execute(
                "insert into conversation (org_id, platform, conversation_id, type, status, transcript, analysis,"
                " evidence, analysis_origin)"
                " values ('org_a', 'acme', 'c-1', 'call', 'ended', 'User: five thousand', %s, %s, %s)",
                ['{"budget": 5000}', json.dumps(EVIDENCE),
                 '{"engine": "small", "prompt_version": "analysis-1", "dropped": {"status": "not said"}}'],
            )  # fmt: skip
            database.execute(
                "insert into llm_usage (org_id, platform, conversation_id, use, engine, prompt_version, requests,"
                " input_tokens, output_tokens, cost_micro_usd, duration_ms)"
                " values ('org_a', 'acme', 'c-1', 'analysis', 'small', 'analysis-1', 2, 900, 100, 1500, 700)"
            )
        yield shell


def test_a_definition_is_set_from_a_file_and_listed_and_a_wrong_one_refused(shell: Shell) -> None:
    assert shell.type("analysis", "rerun", "c-1").code == 3
    wrong = shell.type("analysis", "set", "-", stdin='{"post_call_analysis_data": [{"type": "enum"}, 7]}')
    assert wrong.code == 4
    assert "post_call_analysis_data[0].name" in wrong.err
    assert "post_call_analysis_data[1]" in wrong.err
    assert shell.type("analysis", "set", "-", stdin='{"fields": []}').code == 4
    assert shell.type("analysis", "set", "nowhere.json").code == 2
    (shell.cwd / "fields.json").write_text(json.dumps({"post_call_analysis_data": FIELDS}))
    saved = shell.type("analysis", "set", "fields.json")
    assert (saved.code, "all agents" in saved.err, "No model is configured" in saved.err) == (0, True, True)
    rows = shell.type("analysis", "list", "--json").json()
    assert [(row["agent"], row["in"], row["name"], row["required"]) for row in rows] == [
        ("(all)", "calls", "status", False), ("(all)", "calls", "budget", True)
    ]  # fmt: skip
    assert shell.type("analysis", "rerun").code == 2
    again = shell.type("analysis", "rerun", "--type", "call", "--platform", "acme")
    assert (again.code, "1 conversations" in again.err) == (0, True)


def test_what_was_found_is_shown_with_its_words_and_what_it_took(shell: Shell) -> None:
    shown = shell.type("analysis", "show", "c-1", "--json")
    found, dropped = shown.json()
    assert (found["name"], found["value"], found["quote"], found["confidence"]) == (
        "budget",
        5000,
        "five thousand",
        0.8,
    )
    assert (dropped["name"], dropped["value"]) == ("status", None)
    assert "by small (analysis-1)" in shown.err
    assert "2 requests, 0.001500 USD" in shown.err
    assert shell.type("analysis", "show", "nobody").code == 3
    (row,) = shell.type("usage", "--json").json()
    assert (row["engine"], row["requests"], row["cost_usd"], row["conversations"]) == (
        "small",
        2,
        "0.001500",
        1,
    )
    assert shell.type("usage", "--until", "2020-01-01", "--json").json() == []


def test_a_model_without_a_key_is_named_before_anything_is_done(shell: Shell) -> None:
    refused = shell.type("org", "list", TIELINE_MODEL="gpt-9")
    assert refused.code == 2
    assert "TIELINE_MODEL_API_KEY" in refused.err


def test_a_backfill_is_forecast_queued_once_and_watched(shell: Shell) -> None:
    assert shell.type("backfill", "status", "--json").json() == {"status": "idle"}
    refused = shell.type("backfill", "run", "colour")
    assert (refused.code, "There is no contact field colour" in refused.err) == (4, True)
    shown = shell.type(
        "backfill", "run", "contact_memory", "--since", "2026-01-01", "--forecast", "--json"
    ).json()
    assert (shown["conversations"], shown["model_calls"], shown["cost_usd"]) == (0, 0, 0.0)
    queued = shell.type("backfill", "run", "contact_memory", "--agent", "agent_1", "--until", "2026-02-01")
    assert (queued.code, "Queued, of up to 0 conversations" in queued.err) == (0, True)
    again = shell.type("backfill", "run", "contact_memory")
    assert (again.code, "A backfill job is already running." in again.err) == (4, True)
    assert shell.type("backfill", "status", "--json").json()["status"] == "queued"
