"""Where settings come from, and what a person reads when one is wrong."""

from pathlib import Path

import pytest

from backends.common.settings import load_settings
from backends.common.start import CannotStartError
from backends.notifications.settings import NotificationsSettings
from backends.users.settings import UsersSettings

VARIABLES = [
    "DATABASE_URL",
    "LOG_LEVEL",
    "NOTIFICATION_DATABASE_URL",
    "NOTIFICATION_EMAIL_FROM",
    "NOTIFICATION_OUTBOX_DIR",
    "NOTIFICATION_SERVICE_HOST",
    "NOTIFICATION_SERVICE_PORT",
    "ORION_DATA_DIR",
    "ORION_ENV",
    "USER_SERVICE_HOST",
    "USER_SERVICE_PORT",
]


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin with none of the variables, whatever the machine has."""
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)


def test_without_any_variable_the_embedded_defaults_hold(tmp_path: Path) -> None:
    """A newcomer could not start a backend without configuring it."""
    users = load_settings(UsersSettings, tmp_path)
    assert (users.host, users.port, users.environment) == ("127.0.0.1", 3002, "production")
    assert users.database.render_as_string() == "sqlite+aiosqlite:///var/users.db"
    notifications = load_settings(NotificationsSettings, tmp_path)
    assert (notifications.host, notifications.port) == ("127.0.0.1", 3003)
    assert notifications.database.render_as_string() == "sqlite+aiosqlite:///var/notifications.db"
    assert notifications.outbox == Path("var/outbox")


def test_the_process_wins_over_the_file_of_the_environment_and_that_over_the_common_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deployment could not override what the repository's files say."""
    (tmp_path / ".env").write_text("ORION_ENV=test\nUSER_SERVICE_PORT=1\nLOG_LEVEL=error\nUSER_SERVICE_HOST=::1\n")
    (tmp_path / ".env.test").write_text("USER_SERVICE_PORT=2\nLOG_LEVEL=debug\n")
    (tmp_path / ".env.production").write_text("USER_SERVICE_PORT=9\n")
    monkeypatch.setenv("USER_SERVICE_PORT", "3")
    settings = load_settings(UsersSettings, tmp_path)
    assert (settings.port, settings.log_level, settings.host) == (3, "debug", "::1")
    monkeypatch.setenv("ORION_ENV", "production")
    assert load_settings(UsersSettings, tmp_path).log_level == "error"


def test_an_empty_variable_is_as_good_as_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`DATABASE_URL=` in a compose file would be taken for a broken URL."""
    monkeypatch.setenv("DATABASE_URL", "")
    assert load_settings(UsersSettings, tmp_path).database.get_backend_name() == "sqlite"


def test_notifications_prefer_their_own_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both backends would write into the users' database though each was given its own."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://orion:secret@db/orion_user")
    assert load_settings(NotificationsSettings, tmp_path).database.database == "orion_user"
    monkeypatch.setenv("NOTIFICATION_DATABASE_URL", "postgresql://orion:secret@db/orion_notification")
    settings = load_settings(NotificationsSettings, tmp_path)
    assert settings.database.database == "orion_notification"
    assert "secret" not in repr(settings)


BAD = [
    ("USER_SERVICE_PORT", "abc", ["'abc'", "valid integer", "port that the users backend listens on", "=3002"]),
    ("USER_SERVICE_PORT", "70000", ["'70000'", "less than or equal to 65535"]),
    ("LOG_LEVEL", "loud", ["'loud'", "'debug', 'info', 'warning' or 'error'", "LOG_LEVEL=info"]),
    ("ORION_ENV", "../x", ["'../x'", "letters, digits", "ORION_ENV=development"]),
    ("DATABASE_URL", "mysql://orion:secret@db/x", ["'mysql'", "postgresql://", "sqlite:///", "not shown here"]),
    ("DATABASE_URL", "secret", ["not a URL", "postgresql://user:password@host:5432/name"]),
    ("DATABASE_URL", "sqlite://", ["SQLite needs a file", "sqlite:///path"]),
    ("DATABASE_URL", "postgresql://orion:secret@db/x?color=red", ["'color'", "only sslmode, host"]),
]


@pytest.mark.parametrize(("variable", "value", "parts"), BAD)
def test_a_bad_value_is_named_with_what_would_be_right(
    variable: str, value: str, parts: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The person who mistyped a variable would have to read code to find out; or would find a password in the log."""
    monkeypatch.setenv(variable, value)
    with pytest.raises(CannotStartError) as caught:
        load_settings(UsersSettings, tmp_path)
    message = str(caught.value)
    assert message.startswith(variable)
    assert [part for part in parts if part not in message] == []
    assert "secret" not in message


def test_all_bad_values_are_reported_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three mistakes would cost three starts."""
    monkeypatch.setenv("USER_SERVICE_PORT", "-1")
    monkeypatch.setenv("LOG_LEVEL", "x")
    with pytest.raises(CannotStartError, match=r"(?s)USER_SERVICE_PORT.*LOG_LEVEL|LOG_LEVEL.*USER_SERVICE_PORT"):
        load_settings(UsersSettings, tmp_path)


def test_a_file_that_is_no_text_is_an_error_of_its_own(tmp_path: Path) -> None:
    """A broken .env would be ignored, and the program would run with defaults nobody wanted."""
    (tmp_path / ".env").write_bytes(b"USER_SERVICE_PORT=\xff")
    with pytest.raises(CannotStartError, match=r"a \.env file in .* cannot be read"):
        load_settings(UsersSettings, tmp_path)


def test_the_options_of_a_postgresql_url_reach_the_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The URL that a hosting service hands out, with sslmode, would not work."""
    monkeypatch.setenv("DATABASE_URL", "postgres://orion:secret@db/x?sslmode=require")
    url = load_settings(UsersSettings, tmp_path).database
    assert (url.drivername, dict(url.query)) == ("postgresql+asyncpg", {"ssl": "require"})
