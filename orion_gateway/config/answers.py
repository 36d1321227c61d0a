"""The model of what the gateway answers by itself: fixed responses and redirects."""

from orion_gateway.config.http_words import FieldValue, Location, RedirectStatus, ResponseFieldName
from orion_gateway.config.kinds import ResponseStatus, Text
from orion_gateway.config.table import REQUIRED, Table, key


class RespondConfig(Table):
    """A fixed response."""

    status: ResponseStatus = key(200, "Its status.", 404)
    headers: dict[ResponseFieldName, FieldValue] = key(
        {}, "Its fields. Templates are filled in.", {"Content-Type": "text/html", "X-Id": "${request.id}"}
    )
    body: Text = key(
        "",
        "Its content; plain text when no Content-Type is among the fields. Templates are filled in, their values "
        "escaped where the content is HTML, XML, JSON or a script.",
        "Closed for today.",
    )


class RedirectConfig(Table):
    """A redirect."""

    location: Location = key(
        REQUIRED,
        "Where to: a URL or a path. Templates are filled in; what is no part of the request's own URL is "
        "percent-encoded, so that it leads nowhere else.",
        "https://www.example.org${request.target}",
    )
    status: RedirectStatus = key(308, "Its status.", 302)
