"""The keys of the filter that judges clients by their address. `ip_access_checks` judges whether they fit."""

from typing import Annotated

from pydantic import Field

from orion_gateway.config.addresses import Cidr
from orion_gateway.config.kinds import FilePath, Flag
from orion_gateway.config.table import Table, key

LIST_FILES = ("allow_file", "deny_file")
"""Keys of the filter that name a list of networks."""

Networks = Annotated[tuple[Cidr, ...], Field(min_length=1)]


class IpAccessConfig(Table):
    """Judges clients by their address: `deny` wins, and with `allow` or `allow_file` all else is refused (403)."""

    allow: Networks | None = key(None, "Networks and addresses that are let through, and no others.", ["10.0.0.0/8"])
    deny: Networks | None = key(None, "Networks and addresses that are refused.", ["203.0.113.0/24", "2001:db8::/32"])
    allow_file: FilePath | None = key(
        None,
        "A file of further networks that are let through, one per line; relative to the file that names it, and taken "
        "anew when it changes.",
        "office.txt",
    )
    deny_file: FilePath | None = key(None, "A file of further networks that are refused.", "blocked.txt")
    enforce: Flag = key(True, "`false`: refuse nobody, but count and log whom it would have refused.", False)
