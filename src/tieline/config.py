"""One frozen Settings: file, then environment, then flags. Only the bootstrap and entry points read it.

The file is `tieline.toml` in the working directory, or what TIELINE_CONFIG names; its keys are the field names
below. The environment's names are TIELINE_ and the field's name in capitals; DATABASE_URL is understood as well.
No other module may read the environment, and no error may show a secret's value.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

FILE = "tieline.toml"
PREFIX = "TIELINE_"

Port = Annotated[int, Field(ge=0, le=65535)]
Seconds = Annotated[float, Field(gt=0, le=3600)]


class SettingsError(Exception):
    """A setting is missing or wrong; the message names each one and says what to do."""


class Settings(BaseModel):
    """Everything that can be set. `port` 0 takes a free one.

    Without `database_url` Tieline runs a PostgreSQL server of its own in `data_dir`. `secret_key` encrypts
    credentials: 32 bytes in base64, several separated by commas while rotating, newest first; without it a key
    is kept in `data_dir`. `model` is a language model's name at `model_base_url`, which speaks OpenAI's API.
    `lost_answer_wait_s`, in sandbox mode only, replaces how long a request whose answer was lost may still be applied.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, hide_input_in_errors=True)

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
    model_base_url: str | None = None
    model_api_key: SecretStr | None = None
    model_timeout_s: Seconds = 30.0
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
        values.update(source)
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


def _from_environment(environ: Mapping[str, str]) -> dict[str, str]:
    # An empty variable is how a shell unsets one for a single command.
    found = {"database_url": environ["DATABASE_URL"]} if environ.get("DATABASE_URL") else {}
    for name in Settings.model_fields:
        if value := environ.get(f"{PREFIX}{name.upper()}"):
            found[name] = value
    return found


def _sentence(problem: Any, origins: Mapping[str, str]) -> str:
    name = str(problem["loc"][0])
    where = f" (from {origins[name]})" if name in origins else ""
    if problem["type"] == "extra_forbidden":
        return f"There is no setting {name!r}{where}; the settings are: {', '.join(Settings.model_fields)}."
    message = str(problem["msg"]).removeprefix("Value error, ")
    return (
        f"The setting {name}{where} is wrong: {message[:1].lower()}{message[1:]}. Set {PREFIX}{name.upper()}."
    )


def _check_together(settings: Settings) -> None:
    if settings.model_base_url and not settings.model:
        raise SettingsError(
            "model_base_url is set, but no model: set TIELINE_MODEL to the model's name there."
        )
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
