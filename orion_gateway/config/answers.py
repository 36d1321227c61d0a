"""The model of what the gateway answers by itself: fixed responses and redirects."""

from orion_gateway.config.http_words import FieldValue, Location, RedirectStatus, ResponseFieldName
from orion_gateway.config.kinds import ResponseStatus, Text
from orion_gateway.config.table import REQUIRED, Table, key


class RespondConfig(Table):
    """A fixed response."""

    status: ResponseStatus = key(200, "Its status.", 404)
    headers: dict[ResponseFieldName, FieldValue] = key({}, "Its fields.", {"Content-Type": "text/plain"})
    body: Text = key(
        "",
        "Its content. `${request.host}`, `${request.path}`, `${request.query}` and `${request.target}` are filled in.",
        "Closed for today.",
    )


class RedirectConfig(Table):
    """A redirect."""

    location: Location = key(
        REQUIRED,
        "Where to: a URL or a path. `${request.host}`, `${request.path}`, `${request.query}` and `${request.target}` "
        "are filled in.",
        "https://www.example.org${request.target}",
    )
    status: RedirectStatus = key(308, "Its status.", 302)
