"""The model of routes that split their requests among services. `split_checks` judges whether it fits the table."""

from pydantic import Field

from orion_gateway.config.failure_words import CookieName
from orion_gateway.config.kinds import Name, Weight
from orion_gateway.config.table import REQUIRED, Table, key


class TargetConfig(Table):
    """One of the services of a split."""

    service: Name = key(REQUIRED, "The service.", "users")
    weight: Weight = key(
        REQUIRED,
        "Its share of the requests relative to the others; 0: it gets none, not from clients that were assigned to it "
        "either.",
        95,
    )


class SplitConfig(Table):
    """Requests are divided among services, each with its own timeouts, retries and circuit."""

    to: tuple[TargetConfig, ...] = Field(
        min_length=1,
        description="The services, each with its share.",
        examples=[[{"service": "users", "weight": 95}, {"service": "users-next", "weight": 5}]],
    )
    sticky: CookieName | None = key(
        None,
        "The cookie that keeps a client at the service that it was first given to; the gateway sets it. Left out: "
        "every request is drawn anew.",
        "release",
    )
