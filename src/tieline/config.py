"""One frozen Settings: file, then environment, then flags. Only the bootstrap and entry points read it.

The file is `tieline.toml` in the working directory, or what TIELINE_CONFIG names; its keys are the field names
below. The environment's names are TIELINE_ and the field's name in capitals; DATABASE_URL is understood as well. Each
use of a model has settings of its own: `model` in `[models.analysis]` is TIELINE_ANALYSIS_MODEL, and `base_url` there
is TIELINE_ANALYSIS_MODEL_BASE_URL; what is not given there is the general `model...` setting.
No other module may read the environment, and no error may show a secret's value.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from tieline.ports.llm import ModelUse

FILE = "tieline.toml"
PREFIX = "TIELINE_"

Port = Annotated[int, Field(ge=0, le=65535)]
Seconds = Annotated[float, Field(gt=0, le=3600)]


class SettingsError(Exception):
    """A setting is missing or wrong; the message names each one and says what to do."""


Price = Annotated[float, Field(ge=0, le=100_000)]
Provider = Literal["openai", "anthropic", "google"]
OutputMode = Literal["auto", "schema", "json", "grammar", "text", "tool"]
NO_MODEL = "none"

_STRICT = ConfigDict(frozen=True, extra="forbid", validate_default=True, hide_input_in_errors=True)


class ModelSettings(BaseModel):
    """A language model. Prices are in USD per million tokens. `model` may be "none" to use none here.

    `output` is how structured output is asked for. A transcript of more than `part_tokens` is read in parts.
    """

    model_config = _STRICT

    model: str | None = None
    provider: Provider | None = None
    base_url: str | None = None
    api_key: SecretStr | None = None
    timeout_s: Seconds | None = None
    input_price: Price | None = None
    output_price: Price | None = None
    output: OutputMode | None = None
    prompt_version: str | None = None
    part_tokens: Annotated[int, Field(ge=500, le=1_000_000)] | None = None

    def over(self, general: "ModelSettings") -> "ModelSettings":
        """These, and for what is not given the general ones. A key goes to the endpoint that it was given for, and a
        price is the price of one model.
        """
        own = self.model_dump(exclude_none=True)
        inherited = general.model_dump(exclude_none=True)
        if own.keys() & {"provider", "base_url"}:
            inherited = {name: value for name, value in inherited.items() if name not in _ENDPOINT}
        if own.keys() & {"model", "provider", "base_url"}:
            inherited = {name: value for name, value in inherited.items() if name not in _PRICES}
        return ModelSettings(**{"provider": "openai", "output": "auto", **inherited, **own})


_ENDPOINT = frozenset({"provider", "base_url", "api_key", "output"})
_PRICES = frozenset({"input_price", "output_price"})


class ModelUses(BaseModel):
    """What models are used for."""

    model_config = _STRICT

    analysis: ModelSettings = ModelSettings()
    merge: ModelSettings = ModelSettings()
    memory: ModelSettings = ModelSettings()


class Settings(BaseModel):
    """Everything that can be set. `port` 0 takes a free one.

    Without `database_url` Tieline runs a PostgreSQL server of its own in `data_dir`. `secret_key` encrypts
    credentials: 32 bytes in base64, several separated by commas while rotating, newest first; without it a key
    is kept in `data_dir`. `model` is a language model's name at `model_provider`, or at `model_base_url`, which speaks
    that provider's API; see ModelSettings.
    `lost_answer_wait_s`, in sandbox mode only, replaces how long a request whose answer was lost may still be applied.
    """

    model_config = _STRICT

    database_url: SecretStr | None = None
    data_dir: Path = Path("~/.tieline")
    postgres: Literal["auto", "wheel", "system"] = "auto"
    pool_size: Annotated[int, Field(ge=2, le=200)] = 12
    secret_key: SecretStr | None = None
    host: str = "127.0.0.1"
    port: Port = 8080
    sandbox_mode: bool = False
    lost_answer_wait_s: Seconds | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    model: str | None = None
    model_provider: Provider = "openai"
    model_base_url: str | None = None
    model_api_key: SecretStr | None = None
    model_timeout_s: Seconds = 30.0
    model_input_price: Price = 0.0
    model_output_price: Price = 0.0
    model_output: OutputMode = "auto"
    model_part_tokens: Annotated[int, Field(ge=500, le=1_000_000)] = 24_000
    models: ModelUses = ModelUses()
    max_body_bytes: Annotated[int, Field(ge=1024)] = 8 * 1024 * 1024
    max_page_items: Annotated[int, Field(ge=1, le=1000)] = 1000

    @field_validator("data_dir")
    @classmethod
    def _absolute(cls, path: Path) -> Path:
        return path.expanduser().absolute()

    @field_validator("log_level", mode="before")
    @classmethod
    def _lower(cls, level: object) -> object:
        return level.lower() if isinstance(level, str) else level

    @field_validator("database_url")
    @classmethod
    def _postgres_url(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not url.get_secret_value().startswith(("postgresql://", "postgres://")):
            raise ValueError("must begin with postgresql://")
        return url

    def model_for(self, use: ModelUse) -> ModelSettings | None:
        """The model for a use, complete but for what has no default; None if none is to be used."""
        general = ModelSettings(
            **{
                name: getattr(self, _general(name))
                for name in ModelSettings.model_fields
                if _general(name) in Settings.model_fields
            }
        )
        found: ModelSettings = getattr(self.models, use.value).over(general)
        return None if found.model in (None, "", NO_MODEL) else found

    @property
    def secret_key_file(self) -> Path:
        """Where the key is kept when none is set."""
        return self.data_dir / "secret.key"


def load(flags: Mapping[str, Any], environ: Mapping[str, str]) -> Settings:
    """Settings from the file, the environment and the flags, each before the next. Flags that are None do not count.

    Raises SettingsError with every problem at once.
    """
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    given = {name: value for name, value in flags.items() if value is not None}
    for origin, source in (
        *_from_file(environ.get(f"{PREFIX}CONFIG")),
        ("the environment", _from_environment(environ)),
        ("the command line", given),
    ):
        uses = _over(values.get("models"), source.get("models"))
        values.update(source)
        if uses:
            values["models"] = uses
        origins.update(dict.fromkeys(source, origin))
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        raise SettingsError("\n".join(_sentence(problem, origins) for problem in error.errors())) from None
    _check_together(settings)
    return settings


def _from_file(named: str | None) -> list[tuple[str, dict[str, Any]]]:
    path = Path(named or FILE)
    if not named and not path.exists():
        return []
    try:
        return [(str(path), tomllib.loads(path.read_text(encoding="utf-8")))]
    except OSError as error:
        raise SettingsError(f"The settings file {path} cannot be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"The settings file {path} is not valid TOML: {error}.") from None


def _over(file: Any, environment: Any) -> Any:
    """The settings of uses from two sources, the second before the first; what is no table is left to be refused."""
    if not isinstance(file, dict) or not isinstance(environment, dict):
        return environment or file
    return {
        use: {**file.get(use, {}), **environment.get(use, {})}
        if isinstance(file.get(use, {}), dict)
        else file[use]
        for use in {**file, **environment}
    }


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    # An empty variable is how a shell unsets one for a single command.
    found: dict[str, Any] = {}
    if environ.get("DATABASE_URL"):
        found["database_url"] = environ["DATABASE_URL"]
    for name in Settings.model_fields:
        if value := environ.get(f"{PREFIX}{name.upper()}"):
            found[name] = value
    for use in ModelUse:
        for name in ModelSettings.model_fields:
            if value := environ.get(variable("models", use.value, name)):
                found.setdefault("models", {}).setdefault(use.value, {})[name] = value
    return found


def _general(member: str) -> str:
    """The general setting for a member of a use's."""
    return member if member == "model" else f"model_{member}"


def variable(*path: str) -> str:
    """The environment's name of a setting: `port`, or `models`, the use and the member."""
    if path[0] == "models" and len(path) == 3:
        return f"{PREFIX}{path[1]}_{_general(path[2])}".upper()
    return f"{PREFIX}{path[0]}".upper()


def _sentence(problem: Any, origins: Mapping[str, str]) -> str:
    path = [str(part) for part in problem["loc"]]
    name = ".".join(path)
    where = f" (from {origins[path[0]]})" if path[0] in origins else ""
    if problem["type"] == "extra_forbidden":
        kinds: tuple[type[BaseModel], ...] = (Settings, ModelUses, ModelSettings)
        known = kinds[len(path) - 1].model_fields
        return f"There is no setting {name!r}{where}; the settings are: {', '.join(known)}."
    message = str(problem["msg"]).removeprefix("Value error, ")
    return f"The setting {name}{where} is wrong: {message[:1].lower()}{message[1:]}. Set {variable(*path)}."


def _check_together(settings: Settings) -> None:
    _check_models(settings)
    if settings.lost_answer_wait_s is not None and not settings.sandbox_mode:
        raise SettingsError(
            "lost_answer_wait_s is only for sandbox_mode: with a real CRM a shorter wait would log calls twice."
        )
    if settings.database_url and not settings.secret_key and not settings.secret_key_file.exists():
        raise SettingsError(
            "secret_key is missing. With a database of your own every Tieline process needs the same key for"
            " credentials: set TIELINE_SECRET_KEY to 32 random bytes in base64 (openssl rand -base64 32)"
            f" or put them into {settings.secret_key_file}."
        )


def _check_models(settings: Settings) -> None:
    found = {use: settings.model_for(use) for use in ModelUse}
    if settings.model_base_url and not settings.model and not any(found.values()):
        raise SettingsError(
            "model_base_url is set, but no model: set TIELINE_MODEL to the model's name there."
        )
    for use, model in found.items():
        own: ModelSettings = getattr(settings.models, use.value)
        if own.base_url and model is None and own.model != NO_MODEL:
            name = variable("models", use.value, "model")
            raise SettingsError(
                f"models.{use}.base_url is set, but no model: set {name} to the model's name there."
            )
        if model and not model.api_key and not (model.provider == "openai" and model.base_url):
            names = f"TIELINE_MODEL_API_KEY or {variable('models', use.value, 'api_key')}"
            raise SettingsError(
                f"The model {model.model} for {use} has no key: set {names}, or a base_url that needs none."
            )
