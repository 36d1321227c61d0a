"""A request as plug-ins see it: what aiohttp calls the same has the same name. Nothing is read before somebody asks."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import unquote

from yarl import URL

from orion_gateway.plugins.content import WithContent
from orion_gateway.plugins.fields import Fields

if TYPE_CHECKING:
    from collections.abc import Mapping

    from multidict import MultiMapping

    from orion_gateway.filters.filter import BodyNeed, Exchange


class Request(WithContent, MutableMapping[str, Any]):
    """One request. As a mapping it holds what the plug-in keeps for this exchange: `request["tenant"] = tenant`.

    Text is decoded as UTF-8; bytes that are none are kept as `surrogateescape` keeps them.
    """

    __slots__ = ("_cookies", "_exchange", "_headers", "_url", "is_judged", "state", "ticket")

    direction: ClassVar[str] = "request"

    def __init__(self, exchange: Exchange, need: BodyNeed) -> None:
        # Not for plug-ins: its heads take whatever they are given, fields of framing and line breaks, too.
        self._exchange = exchange
        super().__init__(need)
        self._headers: Fields | None = None
        self._url: URL | None = None
        self._cookies: dict[str, str] | None = None
        self.state: dict[str, Any] = {}
        """What the plug-in keeps for this exchange; `request[...]` is the same."""
        self.ticket = 0
        """Under which state of the plug-in this exchange was shown to it; the gateway's."""
        self.is_judged = False
        """Whether it is known how this exchange went; the gateway's."""

    # -- what was asked ----------------------------------------------------------------------------------------------

    @property
    def method(self) -> str:
        """The method, as the client wrote it."""
        return self._exchange.method.decode("ascii")

    @property
    def headers(self) -> Fields:
        """The fields; edits of them go to the service."""
        if self._headers is None:
            self._headers = Fields(self._exchange.request)
        return self._headers

    @property
    def url(self) -> URL:
        """The URL that the client asked for: scheme, host, path and query, encoded as they came."""
        if self._url is None:
            self._url = _build_url(self._exchange)
        return self._url

    @property
    def path(self) -> str:
        """The path, percent-decoded. Routes were matched by `raw_path`."""
        return self.url.path

    @property
    def raw_path(self) -> str:
        """Path and query as the client sent them."""
        return self._exchange.request.target.decode("latin-1")

    @property
    def path_qs(self) -> str:
        """Path and query, encoded."""
        return self.url.raw_path_qs

    @property
    def query_string(self) -> str:
        """The query, percent-decoded, without the `?`."""
        return self.url.query_string

    @property
    def query(self) -> MultiMapping[str]:
        """The parameters of the query, percent-decoded."""
        return self.url.query

    @property
    def match_info(self) -> Mapping[str, str]:
        """What the path of the route took, by name, percent-decoded."""
        return {name: unquote(value.decode("latin-1")) for name, value in self._exchange.params.items()}

    @property
    def host(self) -> str:
        """Host as the client sent it, with a port when it wrote one; empty without."""
        return self._exchange.request.host.decode("latin-1")

    @property
    def scheme(self) -> str:
        """`http` or `https`, as the client connected."""
        return self._exchange.scheme.decode("ascii")

    @property
    def secure(self) -> bool:
        """Whether the client came over TLS."""
        return self._exchange.scheme == b"https"

    @property
    def cookies(self) -> Mapping[str, str]:
        """The cookies by name; the first of equal names."""
        if self._cookies is None:
            self._cookies = _read_cookies(self._exchange.request.values(b"cookie"))
        return self._cookies

    @property
    def content_type(self) -> str:
        """Content-Type without its parameters, in lower case; `application/octet-stream` without one."""
        value = self._exchange.request.first(b"content-type") or b""
        return value.split(b";", 1)[0].strip().lower().decode("latin-1") or "application/octet-stream"

    @property
    def content_length(self) -> int | None:
        """Content-Length, or None while it is not known."""
        length = self._exchange.request.content_length
        return length if length >= 0 else None

    # -- who asked, and where it goes --------------------------------------------------------------------------------

    @property
    def remote(self) -> str | None:
        """The client's address, through the proxies that are trusted; None on a Unix socket."""
        address = self._exchange.client_address()
        return None if address is None else str(address)

    @property
    def request_id(self) -> str:
        """The id of the request, which the log, the service and the client see too."""
        return self._exchange.request_id().decode("latin-1")

    @property
    def route(self) -> str:
        """The name of the route."""
        return self._exchange.route_name

    @property
    def service(self) -> str:
        """The service that is asked; empty where the gateway answers."""
        return self._exchange.service_name

    def note(self, what: str) -> None:
        """Keep a few words for the access log."""
        self._exchange.note(what)

    # -- what the plug-in keeps --------------------------------------------------------------------------------------

    def __getitem__(self, key: str) -> Any:
        return self.state[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.state[key] = value

    def __delitem__(self, key: str) -> None:
        del self.state[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.state)

    def __len__(self) -> int:
        return len(self.state)

    def __bool__(self) -> bool:
        return True

    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.raw_path}>"


def _build_url(exchange: Exchange) -> URL:
    target = exchange.request.target.decode("latin-1")
    host = exchange.request.host.decode("latin-1")
    if not target.startswith("/"):  # `OPTIONS *` asks about the server itself
        target = "/"
    if not host:
        return URL(target, encoded=True)
    return URL(f"{exchange.scheme.decode('ascii')}://{host}{target}", encoded=True)


def _read_cookies(fields: list[bytes]) -> dict[str, str]:
    cookies: dict[str, str] = {}
    for field in fields:
        for pair in field.decode("utf-8", "surrogateescape").split(";"):
            name, equals, value = pair.partition("=")
            if equals:
                cookies.setdefault(name.strip(), value.strip().strip('"'))
    return cookies
