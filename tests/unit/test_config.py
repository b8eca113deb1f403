"""Settings: file before environment before flags, and every problem named."""

import base64
import re
from pathlib import Path

import pytest

from tieline.config import Settings, SettingsError, load
from tieline.ports.llm import ModelUse

KEY = base64.b64encode(b"k" * 32).decode()
URL = "postgresql://me:pa55word@db/tieline"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory without a settings file."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_everything_has_a_default() -> None:
    settings = load({}, {})
    assert (settings.host, settings.port, settings.database_url) == ("127.0.0.1", 8080, None)
    assert settings.data_dir.is_absolute()
    assert not settings.sandbox_mode


def test_a_flag_goes_before_the_environment_and_that_before_the_file(elsewhere: Path) -> None:
    (elsewhere / "tieline.toml").write_text('port = 1\nhost = "a"\nlog_level = "error"\n')
    environ = {"TIELINE_PORT": "2", "TIELINE_HOST": "b"}
    settings = load({"port": 3, "host": None}, environ)
    assert (settings.port, settings.host, settings.log_level) == (3, "b", "error")


def test_another_file_can_be_named(elsewhere: Path) -> None:
    (elsewhere / "tieline.toml").write_text("port = 1")
    (elsewhere / "other.toml").write_text("port = 2")
    assert load({}, {"TIELINE_CONFIG": "other.toml"}).port == 2
    with pytest.raises(SettingsError, match=r"missing\.toml cannot be read"):
        load({}, {"TIELINE_CONFIG": "missing.toml"})


def test_the_database_url_is_understood_by_its_usual_name() -> None:
    settings = load({}, {"DATABASE_URL": URL, "TIELINE_SECRET_KEY": KEY})
    assert settings.database_url is not None
    assert settings.database_url.get_secret_value() == URL
    own = load({}, {"DATABASE_URL": "x", "TIELINE_DATABASE_URL": URL, "TIELINE_SECRET_KEY": KEY})
    assert own.database_url == settings.database_url


def test_an_empty_variable_sets_nothing() -> None:
    assert load({}, {"TIELINE_PORT": "", "DATABASE_URL": ""}).port == 8080


def test_every_wrong_setting_is_named_with_where_it_came_from(elsewhere: Path) -> None:
    (elsewhere / "tieline.toml").write_text('prot = 1\nlog_level = "loud"\n')
    with pytest.raises(SettingsError) as caught:
        load({}, {"TIELINE_PORT": "many", "TIELINE_SANDBOX_MODE": "perhaps"})
    lines = str(caught.value).splitlines()
    assert len(lines) == 4
    for name, origin in (
        ("prot", "tieline.toml"), ("log_level", "tieline.toml"),
        ("port", "the environment"), ("sandbox_mode", "the environment"),
    ):  # fmt: skip
        assert any(re.search(rf"\b{name}\b", line) and origin in line for line in lines), name


def test_a_file_that_is_no_toml_is_named(elsewhere: Path) -> None:
    (elsewhere / "tieline.toml").write_text("port = = 1")
    with pytest.raises(SettingsError, match=r"tieline\.toml is not valid TOML"):
        load({}, {})


def test_a_database_of_ones_own_needs_a_key_that_all_processes_share(elsewhere: Path) -> None:
    environ = {"DATABASE_URL": URL, "TIELINE_DATA_DIR": str(elsewhere)}
    with pytest.raises(SettingsError, match="TIELINE_SECRET_KEY"):
        load({}, environ)
    (elsewhere / "secret.key").write_text(KEY)
    load({}, environ)


def test_a_shorter_wait_for_lost_answers_is_refused_for_real_crms() -> None:
    environ = {"TIELINE_LOST_ANSWER_WAIT_S": "3"}
    with pytest.raises(SettingsError, match="lost_answer_wait_s is only for sandbox_mode"):
        load({}, environ)
    assert load({}, {**environ, "TIELINE_SANDBOX_MODE": "true"}).lost_answer_wait_s == 3.0


def test_a_models_address_without_a_model_is_refused() -> None:
    with pytest.raises(SettingsError, match="TIELINE_MODEL"):
        load({}, {"TIELINE_MODEL_BASE_URL": "http://127.0.0.1:1/v1"})


def test_each_use_of_a_model_has_the_general_settings_and_its_own_before_them(elsewhere: Path) -> None:
    (elsewhere / "tieline.toml").write_text(
        'model = "general"\nmodel_api_key = "k-1"\nmodel_input_price = 2.0\nmodel_timeout_s = 9\n'
        '[models.analysis]\nmodel = "large"\nprompt_version = "analysis-1"\n'
        '[models.memory]\nmodel = "none"\n'
    )
    settings = load({}, {"TIELINE_ANALYSIS_MODEL_TIMEOUT_S": "60", "TIELINE_MERGE_MODEL_OUTPUT_PRICE": "8"})
    analysis, merge = settings.model_for(ModelUse.ANALYSIS), settings.model_for(ModelUse.MERGE)
    assert analysis is not None
    assert merge is not None
    assert (analysis.model, analysis.timeout_s, analysis.prompt_version) == ("large", 60.0, "analysis-1")
    assert (merge.model, merge.timeout_s, merge.provider, merge.output_price) == (
        "general",
        9.0,
        "openai",
        8.0,
    )
    assert settings.model_for(ModelUse.MEMORY) is None
    # The price of one model is not that of another; the endpoint is the same.
    assert (analysis.input_price, merge.input_price) == (None, 2.0)
    assert analysis.api_key == merge.api_key == settings.model_api_key


def test_a_key_does_not_go_to_an_endpoint_that_it_was_not_given_for() -> None:
    environ = {
        "TIELINE_MODEL": "m", "TIELINE_MODEL_API_KEY": "k-1", "TIELINE_MERGE_MODEL_BASE_URL": "http://127.0.0.1:1/v1",
    }  # fmt: skip
    merge = load({}, environ).model_for(ModelUse.MERGE)
    assert merge is not None
    assert (merge.model, merge.api_key, merge.base_url) == ("m", None, "http://127.0.0.1:1/v1")
    with pytest.raises(SettingsError, match="TIELINE_ANALYSIS_MODEL_API_KEY"):
        load({}, {**environ, "TIELINE_ANALYSIS_MODEL_PROVIDER": "anthropic"})


def test_wrong_settings_of_a_use_are_named_in_full(elsewhere: Path) -> None:
    (elsewhere / "tieline.toml").write_text('[models.merge]\ncolour = 1\n[models.talk]\nmodel = "x"\n')
    with pytest.raises(SettingsError) as caught:
        load({}, {"TIELINE_ANALYSIS_MODEL_TIMEOUT_S": "soon", "TIELINE_MEMORY_MODEL_PROVIDER": "acme"})
    said = str(caught.value)
    for part in (
        "models.merge.colour",
        "models.talk",
        "Set TIELINE_ANALYSIS_MODEL_TIMEOUT_S.",
        "TIELINE_MEMORY_MODEL_PROVIDER",
    ):
        assert part in said


def test_no_secret_is_shown_by_settings_or_errors() -> None:
    settings = load({}, {"DATABASE_URL": URL, "TIELINE_SECRET_KEY": KEY, "TIELINE_MODEL_API_KEY": "k-1"})
    shown = f"{settings!r} {settings}"
    assert not any(secret in shown for secret in ("pa55word", KEY, "k-1"))
    with pytest.raises(SettingsError) as caught:
        load({}, {"DATABASE_URL": "mysql://me:pa55word@db"})
    assert "pa55word" not in str(caught.value)


def test_settings_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().port = 1


def test_no_other_module_reads_the_environment(repository: Path) -> None:
    """Only the entry point, which hands it in, and whoever cleans it for the server that it starts."""
    reading = re.compile(r"os\.(environ|getenv)\b")
    readers = {
        path.relative_to(repository / "src" / "tieline").as_posix()
        for path in (repository / "src" / "tieline").rglob("*.py")
        if reading.search(path.read_text(encoding="utf-8"))
    }
    # The demo and the embedded server hand it on to processes that they start; a configuration file may name variables
    # that hold its secrets.
    assert readers <= {
        "cli/runtime.py",
        "cli/config_file.py",
        "cli/demo/processes.py",
        "store/binaries.py",
    }
