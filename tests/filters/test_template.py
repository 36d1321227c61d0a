"""Values of the request in texts of the table: where they come from, and that they break out of nothing."""

from __future__ import annotations

import html
import json
import re
from urllib.parse import quote, urljoin

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orion_gateway.filters.template import Template, Writing, writing_in_content, writing_in_field
from tests.filters.exchanges import Passing, read_request


def fill(template: str, *lines: str, target: str = "/x/y?q=1", writing: Writing = "text", **of: object) -> str:
    """Fill a template with the values of a request."""
    exchange = Passing(read_request(target, *lines, host="a.example:81"), **of)  # type: ignore[arg-type]
    return Template(template.encode(), writing).fill(exchange).decode("latin-1")


@pytest.mark.parametrize(
    ("template", "filled"),
    [
        ("plain", "plain"),
        ("https://${request.host}${request.target}", "https://a.example:81/x/y?q=1"),
        ("${request.path}|${request.query}", "/x/y|q=1"),
        ("${request.method} ${request.scheme} ${request.id} ${request.client}", "GET http 0123456789abcdef 192.0.2.1"),
        ("${request.header.X-Tenant}/${request.header.x-tenant}", "acme/acme"),
        ("${request.cookie.session}", "s=1"),
        ("${request.cookie.other}", "2"),
        ("${request.query.q}", "1"),
        ("${request.param.id}", "a%2Fb"),
        ("<${request.header.X-None}${request.cookie.none}${request.query.none}${request.param.none}>", "<>"),
        ("${request.unknown} ${request.path", "${request.unknown} ${request.path"),
        ("${request.header.} ${request.host.x}", "${request.header.} ${request.host.x}"),
    ],
)
def test_values_stand_where_the_template_names_them(template: str, filled: str) -> None:
    """A redirect would lead nowhere, and a service would get another user's tenant."""
    lines = ("X-Tenant: acme", "X-Tenant: other", "Cookie: xsession=0; session=s=1", "Cookie: other=2; session=3")
    assert fill(template, *lines, params={"id": b"a%2Fb"}) == filled


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("a=1&name=2&name=3", "2"),
        ("name=a+b%20c", "a b c"),
        ("n%61me=x", "x"),
        ("name", ""),
        ("names=1&xname=2", ""),
        ("name=%C3%A9", "\xc3\xa9"),
        ("name=%zz%4", "%zz%4"),
        ("name=a%0D%0Ab", ""),
        ("name=%00&name=2", ""),
        ("name=%7F", ""),
        ("", ""),
    ],
)
def test_a_parameter_of_the_query_is_decoded_unless_it_holds_control_characters(query: str, value: str) -> None:
    """A field would be split in two by what a link says, or be compared in another spelling than the service's."""
    assert fill("${request.query.name}", target=f"/?{query}") == value


def test_a_client_without_an_address_is_empty() -> None:
    """Over a Unix socket there is none, and no word for it that a service could take for one."""
    assert fill("<${request.client}>", client="") == "<>"


def test_a_client_cannot_write_templates() -> None:
    """What it puts into its path would be filled in a second time."""
    raw = "/$%7Brequest.host%7D/${request.host}"
    assert fill("${request.path}", target=raw) == raw
    assert fill("${request.header.X}", "X: ${request.host}") == "${request.host}"


@given(value=st.text(st.characters(max_codepoint=255)))
def test_no_value_breaks_a_field(value: str) -> None:
    """CR, LF or NUL in a value would be read as a field of its own, or as the end of the head."""
    query = quote(value.encode("latin-1"), safe="")
    filled = fill("${request.query.v}", target=f"/?v={query}", writing="field")
    assert not re.search(r"[\x00-\x08\x0a-\x1f\x7f]", filled)
    assert filled == filled.strip(" \t")


@given(value=st.text())
def test_no_value_breaks_html_or_json(value: str) -> None:
    """A link to the gateway could carry a script into a page of this site (reflected cross-site scripting)."""
    target = f"/?v={quote(value.encode('utf-8', 'surrogatepass'), safe='')}"
    plain = fill("${request.query.v}", target=target).encode("latin-1").decode(errors="replace")
    page = fill("${request.query.v}", target=target, writing="html").encode("latin-1").decode()
    assert not re.search("[<>\"']", page)
    assert html.unescape(page) == html.unescape(html.escape(plain))
    script = fill('"${request.query.v}"', target=target, writing="json").encode("latin-1").decode()
    assert json.loads(script) == plain
    assert not re.search("[<>\u2028\u2029]", script)


@given(value=st.text(st.characters(max_codepoint=255)))
def test_no_value_adds_attributes_to_a_cookie(value: str) -> None:
    """A link could set another Domain or Path, and with it a cookie for the sites beside this one."""
    query = quote(value.encode("latin-1"), safe="")
    filled = fill("last=${request.query.v}", target=f"/?v={query}", writing="cookie")
    assert re.fullmatch(r"last=[!#-+\--:<-\[\]-~]*", filled)


@pytest.mark.parametrize(
    ("location", "target", "expected"),
    [
        ("https://new.example${request.target}", "/a?b=%20c", "https://new.example/a?b=%20c"),
        ("/sign-in?next=${request.target}", "/a", "/sign-in?next=/a"),
        ("/${request.query.next}", "/?next=/evil.example", "/%2Fevil.example"),
        ("/${request.query.next}", "/?next=https://evil.example", "/https%3A%2F%2Fevil.example"),
        ("/${request.query.n}", "/?n=a%0D%0AX:%201", "/"),
        ("${request.path}", "//evil.example/x", "/.//evil.example/x"),
        ("/${request.path}", "/evil.example/x", "/.//evil.example/x"),
        ("${request.path}", "/\\evil.example", "/./\\evil.example"),
        ("${request.query}", "/?https://evil.example/", "./https://evil.example/"),
        ("${request.query}", "/?javascript:evil", "./javascript:evil"),
        ("${request.query}", "/?\\\\evil.example", "/.\\\\evil.example"),
        ("${request.query}", "/??a:b", "?a:b"),
        ("${request.scheme}://new.example${request.path}", "/a:b", "http://new.example/a:b"),
        ("//cdn.example${request.path}", "/a", "//cdn.example/a"),
        ("https://${request.header.X-Site}.example.org/", "/", "https://a%2Fb.example.org/"),
    ],
)
def test_a_redirect_leads_where_the_table_says(location: str, target: str, expected: str) -> None:
    """A link with the name of this site would lead to another one (open redirect)."""
    exchange = Passing(read_request("/", "X-Site: a/b"))
    # The paths here are of routes that allow what others refuse; the parser takes them all.
    exchange.request.target = target.encode()
    path, _, query = target.partition("?")
    exchange.request.path, exchange.request.query = path.encode(), query.encode()
    filled = Template(location.encode(), "url").fill(exchange).decode()
    assert filled == expected
    assert "evil" not in urljoin("https://api.example.org/", filled).split("/")[2]


@pytest.mark.parametrize(
    ("content_type", "writing"),
    [
        ("text/html; charset=utf-8", "html"),
        ("image/svg+xml", "html"),
        ("application/xhtml+xml", "html"),
        ("application/problem+json", "json"),
        ("text/javascript", "json"),
        ("text/plain", "text"),
        ("", "text"),
    ],
)
def test_content_decides_how_values_are_written(content_type: str, writing: str) -> None:
    """A page would take a value for markup, or plain text would show `&amp;`."""
    assert writing_in_content(content_type) == writing


@pytest.mark.parametrize(("name", "writing"), [("LOCATION", "url"), ("Set-Cookie", "cookie"), ("X-A", "field")])
def test_fields_with_a_syntax_of_their_own_get_values_that_fit_it(name: str, writing: str) -> None:
    """An edit of Location would lead elsewhere although a redirect does not."""
    assert writing_in_field(name) == writing
