"""A browser fetches a small JSON document: with Host, a header of 12 fields.

This is the request of most scenarios; the plain one asks the proxies for nothing but forwarding.
"""

from __future__ import annotations

from dataclasses import replace

from benchmarks.loads import Offered, Saturation
from benchmarks.scenarios.scenario import Scenario, Work

SMALL_GET = Scenario(
    letter="c",
    name="small_get",
    summary="small GET, header of 12 fields; proxies add ids and forwarded fields and write an access log",
    loads=(Saturation(),),
    target="/api/v1/users/42?fields=name,email",
    fields=(
        ("Connection", "keep-alive"),
        ("sec-ch-ua", '"Chromium";v="124", "Google Chrome";v="124", "Not-A.Brand";v="99"'),
        ("sec-ch-ua-mobile", "?0"),
        ("sec-ch-ua-platform", '"Linux"'),
        (
            "User-Agent",
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36",
        ),
        ("Accept", "application/json, text/plain, */*"),
        ("Sec-Fetch-Site", "same-origin"),
        ("Referer", "https://www.example.org/account/profile"),
        ("Accept-Encoding", "gzip, deflate, br, zstd"),
        ("Accept-Language", "en-US,en;q=0.9,de;q=0.8"),
        ("Cookie", "session=6f1d2c9ab34e4f0c8d7e; theme=dark; consent=analytics-0.marketing-0"),
    ),
    body=(
        b'{"id":42,"name":"Ada Example","email":"ada@example.org","roles":["user"],"createdAt":"2024-05-01T12:00:00Z"}'
    ),
)

PLAIN_GET = replace(
    SMALL_GET,
    letter="b",
    name="plain_get",
    summary="small GET, header of 12 fields; proxies add nothing and log nothing",
    loads=(Saturation(), Offered(5000), Offered(15_000)),
    work=Work(adds_fields=False, logs=False),
)
