"""The model of the filter `plugin`: what the gateway is told about it. All other keys are the plug-in's own."""

from typing import Annotated

from pydantic import ConfigDict

from orion_gateway.config.kinds import Count, Duration, Flag, Period, Share, Timeout, pattern_kind
from orion_gateway.config.table import REQUIRED, OrOff, Table, key, section

REFERENCE = pattern_kind(
    "`module:name`",
    r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*",
    "a module and what is in it, such as my_package.module:Factory",
)
Reference = Annotated[str, REFERENCE]


class DisableConfig(Table):
    """When a plug-in that fails or takes too long is left out. A failure, a timeout and an overrun are bad calls."""

    in_a_row: Count = key(5, "So many bad calls one behind the other.", 3)
    share: Share = key("50%", "Or this share of bad ones among the calls of a window.", "20%")
    minimum: Count = key(20, "Calls that a window needs before its share counts.", 100)
    window: Period = key("10s", "How long a window is.", "30s")
    retry_after: Duration = key("1m", "When it is tried again, with one call.", "5m")


class PluginConfig(Table):
    """A plug-in: Python code that is not part of the gateway. Keys that are not listed here are the plug-in's own."""

    model_config = ConfigDict(extra="allow")

    use: Reference = key(
        REQUIRED,
        "What makes it: a module, a colon, and a class or function in it. The folder of the table is searched last.",
        "hello:Hello",
    )
    timeout: Timeout = key("5s", "How long one of its hooks may wait.", "500ms")
    budget: Timeout = key("5ms", "How long one call may keep the event loop. A longer one counts as an overrun.", "1ms")
    blocked: Period = key("50ms", "After how long in one step the log says what holds the event loop up.", "20ms")
    disable: Annotated[DisableConfig | None, OrOff()] = section(
        DisableConfig, "When it is left out, for each worker by itself; `off`: never.", {"in_a_row": 3}
    )
    enforce: Flag = key(True, "`false`: only count and log what it would have decided.", False)
