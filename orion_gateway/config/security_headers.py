"""The model of `security_headers`, a key of the gateway and of routes, and the kinds of its values."""

import re
from typing import Annotated

from orion_gateway.config.http_words import read_field_value
from orion_gateway.config.kinds import Kind, fail, read_text
from orion_gateway.config.suggest import closest
from orion_gateway.config.table import Table, key

REFERRER_POLICIES = (
    "no-referrer",
    "no-referrer-when-downgrade",
    "origin",
    "origin-when-cross-origin",
    "same-origin",
    "strict-origin",
    "strict-origin-when-cross-origin",
    "unsafe-url",
)
FRAME_OPTIONS = ("DENY", "SAMEORIGIN")


def read_hsts(value: object) -> str | None:
    """Return the value of Strict-Transport-Security (RFC 6797, section 6.1); `off` is `None`."""
    text = read_text(value, "a value such as max-age=31536000, or off")
    if text == "off":
        return None
    directives = [directive.strip().lower() for directive in text.split(";")]
    ages = [directive for directive in directives if re.fullmatch(r"max-age=[0-9]{1,10}", directive)]
    others = [directive for directive in directives if directive not in ages]
    if len(ages) != 1 or not set(others) <= {"includesubdomains", "preload"} or len(set(others)) != len(others):
        hint = "behind max-age, in seconds, may stand includeSubDomains and preload"
        raise fail("E0207", "expected a value such as max-age=31536000; includeSubDomains, or off", hint=hint)
    return text


def read_frame_options(value: object) -> str | None:
    """Return the value of X-Frame-Options (RFC 7034, section 2.1); `off` is `None`."""
    text = read_text(value, "DENY, SAMEORIGIN or off")
    if text == "off":
        return None
    if text not in FRAME_OPTIONS:
        hint = "for single sites write frame-ancestors into csp" if text.upper().startswith("ALLOW-FROM") else ""
        meant = closest(text.upper(), FRAME_OPTIONS)
        raise fail("E0204", "expected DENY, SAMEORIGIN or off", suggestion=meant, hint=hint)
    return text


def read_content_type_options(value: object) -> str | None:
    """Return the value of X-Content-Type-Options; `off` is `None`."""
    text = read_text(value, "nosniff or off")
    if text not in {"nosniff", "off"}:
        raise fail("E0204", "expected nosniff or off", suggestion=closest(text, ("nosniff", "off")))
    return None if text == "off" else text


def read_referrer_policy(value: object) -> str | None:
    """Return the value of Referrer-Policy: one policy or several, of which a browser takes the last that it knows."""
    text = read_text(value, "a policy such as no-referrer, or off")
    if text == "off":
        return None
    for policy in text.split(","):
        if policy.strip() not in REFERRER_POLICIES:
            meant = closest(policy.strip(), REFERRER_POLICIES)
            hint = f"policies: {', '.join(REFERRER_POLICIES)}"
            raise fail("E0204", "expected a policy such as no-referrer, or off", suggestion=meant, hint=hint)
    return text


def read_policy(value: object) -> str | None:
    """Return a field value that is not empty; `off` is `None`."""
    text = read_field_value(value)
    if not text:
        raise fail("E0203", "expected a policy, or off")
    return None if text == "off" else text


_TEXT = {"type": "string"}
Hsts = Annotated[str | None, Kind("field value or `off`", read_hsts, _TEXT)]
FrameOptions = Annotated[
    str | None, Kind("`DENY`, `SAMEORIGIN` or `off`", read_frame_options, {"enum": [*FRAME_OPTIONS, "off"]})
]
ContentTypeOptions = Annotated[
    str | None, Kind("`nosniff` or `off`", read_content_type_options, {"enum": ["nosniff", "off"]})
]
ReferrerPolicy = Annotated[str | None, Kind("policy or `off`", read_referrer_policy, _TEXT)]
Policy = Annotated[str | None, Kind("field value or `off`", read_policy, _TEXT)]


class SecurityHeadersConfig(Table):
    """Fields for browsers, added where neither the service nor a filter has said them; each may be `off`."""

    hsts: Hsts = key(
        "max-age=31536000",
        "`Strict-Transport-Security`, on https only (RFC 6797): for a year nobody asks over http any more.",
        "max-age=63072000; includeSubDomains",
    )
    frame_options: FrameOptions = key("SAMEORIGIN", "`X-Frame-Options`: who may show a page in a frame.", "DENY")
    content_type_options: ContentTypeOptions = key(
        "nosniff", "`X-Content-Type-Options`: browsers do not guess what content is.", "off"
    )
    referrer_policy: ReferrerPolicy = key(
        "strict-origin-when-cross-origin",
        "`Referrer-Policy`: what other sites learn of where a visitor comes from.",
        "no-referrer",
    )
    permissions_policy: Policy = key(
        "off",
        "`Permissions-Policy`: what of the device a page may use. No default fits all.",
        "camera=(), geolocation=()",
    )
    csp: Policy = key(
        "off",
        "`Content-Security-Policy`: from where a page may load what. No default fits all.",
        "default-src 'self'; frame-ancestors 'self'",
    )
