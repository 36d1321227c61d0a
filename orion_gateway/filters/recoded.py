"""What must change in the head of a message whose content a filter changes, so that the head stays true."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orion_gateway.filters.filter import Exchange, Head

DIGESTS = (b"content-digest", b"content-md5", b"digest", b"repr-digest")
"""Checksums of content (RFC 9530, and those it replaces). What the origin summed up is not what arrives."""


def forget_digests(head: Head) -> None:
    """Remove the checksums of content that is about to change."""
    for name in DIGESTS:
        head.remove(name)


def mark_changed(exchange: Exchange) -> None:
    """Make the head of the response true for changed content.

    A strong ETag promises equal bytes, so it becomes weak (RFC 9110, section 8.8.3); ranges would be cut from other
    bytes than the client has, so they are not offered; checksums go.
    """
    response = exchange.response
    assert response is not None
    _weaken_etag(response)
    response.remove(b"accept-ranges")
    forget_digests(response)
    if exchange.method == b"HEAD":
        # There is no content for anybody to frame anew, so that the endpoint's length would stay.
        response.content_length = -1


def revalidate(exchange: Exchange) -> bool:
    """Make the ETag of a 304 weak when the client holds it like that; return whether it was.

    It holds content that was changed here when it asked with the weak form of a strong ETag, and a 304 must name the
    ETag that the client holds (RFC 9111, section 4.3.4).
    """
    response = exchange.response
    assert response is not None
    etag = response.first(b"etag")
    if response.status != 304 or etag is None or not etag.startswith(b'"'):
        return False
    held = [tag.strip(b" \t") for value in exchange.request.values(b"if-none-match") for tag in value.split(b",")]
    if b"W/" + etag not in held or etag in held:
        return False
    _weaken_etag(response)
    response.content_length = -1
    return True


def _weaken_etag(head: Head) -> None:
    etag = head.first(b"etag")
    if etag is not None and etag.startswith(b'"'):
        head.set(b"ETag", b"W/" + etag)


def list_words(values: list[bytes]) -> list[bytes]:
    """Return the elements of a field that is a list of words, in lower case."""
    return [word.strip(b" \t").lower() for value in values for word in value.split(b",")]


def add_vary(head: Head, name: bytes) -> None:
    """Say that the response depends on a field of the request, unless the response says so already."""
    words = list_words(head.values(b"vary"))
    if name.lower() not in words and b"*" not in words:
        head.add(b"Vary", name)
