"""Read a backend's settings: the process environment wins over `.env.<ORION_ENV>`, that over `.env`.

Decides where a value comes from and how a bad one is reported; each backend declares its own variables beside its
code. Settings are read once, checked all together, and frozen. An empty variable counts as unset.
"""

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import Field, PlainValidator, StringConstraints, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from sqlalchemy import URL

from .database import parse_database_url, sqlite_url
from .start import CannotStartError

Port = Annotated[int, Field(ge=0, le=65535)]
# A database URL is a tuple, which the settings library would read as JSON without NoDecode.
DatabaseUrl = Annotated[URL | None, NoDecode, PlainValidator(parse_database_url)]


class EnvironmentSettings(BaseSettings):
    """The name of the environment: read first, because it names one of the files."""

    model_config = SettingsConfigDict(
        case_sensitive=True, env_ignore_empty=True, extra="ignore", frozen=True, validate_default=False
    )

    # The pattern keeps a name from leading out of the directory of the `.env` files.
    environment: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,32}$")] = Field(
        default="production",
        validation_alias="ORION_ENV",
        description="the environment, in letters, digits, - and _; `development` shows stack traces in error bodies",
        examples=["development"],
    )


class BackendSettings(EnvironmentSettings):
    """What every backend is told. Each names the variables of its own `host` and `port`."""

    service: ClassVar[str]
    """The name of the program in its log, its health and its default database file."""

    host: str
    port: Port
    database_url: DatabaseUrl = Field(
        default=None,
        validation_alias="DATABASE_URL",
        description="the database; unset, it is a SQLite file in the data directory",
        examples=["postgresql://orion:password@localhost:5432/orion_user"],
        repr=False,  # it holds a password
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info",
        validation_alias="LOG_LEVEL",
        description="the least level that is logged",
        examples=["info"],
    )
    data_dir: Path = Field(
        default=Path("var"),
        validation_alias="ORION_DATA_DIR",
        description="the directory of the SQLite files and the outbox, made when missing",
        examples=["var"],
    )

    @property
    def database(self) -> URL:
        """The database to use: the one that was set, else a SQLite file in the data directory."""
        return self.database_url or sqlite_url(self.data_dir / f"{self.service}.db")


AnySettings = TypeVar("AnySettings", bound=BaseSettings)
Settings = TypeVar("Settings", bound=BackendSettings)


def load_settings(settings_type: type[Settings], directory: Path = Path()) -> Settings:
    """Read the settings of a backend; `directory` holds the `.env` files, which may be missing.

    Raises `CannotStartError` with one paragraph per bad variable.
    """
    common = directory / ".env"
    try:
        environment = _read(EnvironmentSettings, common).environment
        return _read(settings_type, common, directory / f".env.{environment}")
    except ValidationError as error:
        # The cause would show what was given, secrets too.
        raise CannotStartError(_explain(settings_type, error)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise CannotStartError(f"a .env file in {directory.resolve()} cannot be read: {error}") from error


def _read(settings_type: type[AnySettings], *files: Path) -> AnySettings:
    # A dictionary, because no type checker sees this parameter of the settings library.
    options: dict[str, Any] = {"_env_file": files}
    return settings_type(**options)


def _explain(settings_type: type[BackendSettings], error: ValidationError) -> str:
    fields = {str(field.validation_alias): field for field in settings_type.model_fields.values()}
    return "\n".join(_explain_one(fields, problem) for problem in error.errors())


def _explain_one(fields: dict[str, FieldInfo], problem: ErrorDetails) -> str:
    variable = str(problem["loc"][0])
    field = fields[variable]
    shown = f"is {str(problem['input'])!r}" if field.repr else "has a value that is not shown here"
    message = problem["msg"].removeprefix("Value error, ").rstrip(".")
    example = (field.examples or [field.default])[0]
    return f"{variable} {shown}: {message}.\n  It is {field.description}. For example: {variable}={example}"
