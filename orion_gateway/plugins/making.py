"""Make a plug-in of what the table says: find its factory, judge its keys, and hold it to the contract.

Done once where the table is checked, where everything wrong becomes a finding, and once in every worker.
"""

from __future__ import annotations

from dataclasses import dataclass
from inspect import iscoroutinefunction, signature
from typing import TYPE_CHECKING, Any

from orion_gateway.filters.filter import NO_BODY, BodyNeed
from orion_gateway.plugins.plugin import Plugin
from orion_gateway.references import ReferenceFault, describe, find_reference, locate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pydantic import BaseModel

HOOKS = {
    "on_request": ("request",),
    "on_response": ("request", "response"),
    "on_request_body": ("request",),
    "on_response_body": ("request", "response"),
}
"""What each hook is called with."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a use of a plug-in. `path` leads to it among the plug-in's keys."""

    kind: str
    """`unknown` key, `missing` key, bad `value`, or bad `use`."""
    message: str
    path: tuple[str | int, ...] = ()
    hint: str = ""
    is_quoting: bool = False
    """The message is the author's own, and may repeat the value."""
    key: str = ""
    """The one that is missing."""


class PluginFault(Exception):  # noqa: N818 (findings about a table, not an error of ours)
    """A plug-in that cannot be made; `faults` say why."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__("; ".join(fault.message for fault in faults))
        self.faults = faults


def make(use: str, folder: str, keys: Mapping[str, object]) -> Plugin:
    """Return a new plug-in.

    Raises:
        PluginFault: there is none, its keys are not accepted, its constructor fails, or it breaks the contract.
    """
    factory = _find_factory(use, folder)
    model: type[BaseModel] | None = getattr(factory, "Config", None)
    arguments = () if model is None else (_read_config(use, model, keys),)
    if model is None and keys:
        hint = "a plug-in takes keys when it declares a model of them as `Config`"
        raise PluginFault(*(Fault("unknown", f'unknown key "{key}": {use} takes none', (key,), hint) for key in keys))
    try:
        made = factory(*arguments)
    except (Exception, SystemExit) as error:
        raise PluginFault(Fault("use", f"{use} cannot be made: {describe(error)}", hint=locate(error))) from error
    if not isinstance(made, Plugin):
        message = f"{use} makes a {type(made).__name__}, which is no orion_gateway.plugins.Plugin"
        raise PluginFault(Fault("use", message))
    if breach := _find_breach(made):
        raise PluginFault(Fault("use", f"{use} {breach}"))
    return made


def has_hook(plugin: Plugin, name: str) -> bool:
    """Say whether a plug-in has a hook of its own."""
    return getattr(type(plugin), name) is not getattr(Plugin, name) or name in vars(plugin)


def _find_factory(use: str, folder: str) -> Callable[..., Any]:
    try:
        found = find_reference(use, folder)
    except ReferenceFault as fault:
        raise PluginFault(Fault("use", str(fault), hint=fault.hint)) from fault
    if not callable(found):
        raise PluginFault(Fault("use", f"{use} is of type {type(found).__name__}, neither a class nor a function"))
    return found


def _read_config(use: str, model: type[BaseModel], keys: Mapping[str, object]) -> BaseModel:
    from pydantic import BaseModel, ValidationError

    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        raise PluginFault(Fault("use", f"the Config of {use} is no pydantic model"))
    known = [field.alias or name for name, field in model.model_fields.items()]
    hint = f"keys of {use}: {', '.join(known)}" if known else f"{use} takes no keys"
    faults = []
    if model.model_config.get("extra") != "allow":
        accepted = {*known, *model.model_fields} if model.model_config.get("populate_by_name") else set(known)
        faults = [Fault("unknown", f'unknown key "{key}"', (key,), hint) for key in keys if key not in accepted]
    try:
        config = model.model_validate(dict(keys))
    except ValidationError as error:
        for found in error.errors(include_url=False, include_input=False):
            path = found["loc"]
            if found["type"] == "extra_forbidden":
                if len(path) > 1:
                    faults.append(Fault("unknown", f'unknown key "{path[-1]}"', path))
            elif found["type"] == "missing":
                message = f'the key "{path[-1]}" is missing'
                hinted = hint if len(path) == 1 else ""
                faults.append(Fault("missing", message, path[:-1], hinted, key=str(path[-1])))
            else:
                is_quoting = found["type"] in {"value_error", "assertion_error"}
                faults.append(Fault("value", _tell(found["msg"]), path, is_quoting=is_quoting))
    except Exception as error:
        message = f"the Config of {use} fails: {describe(error)}"
        raise PluginFault(Fault("value", message, hint=locate(error), is_quoting=True)) from error
    if faults:
        raise PluginFault(*faults)
    return config


def _tell(message: str) -> str:
    """Return what pydantic says in the way in which findings begin."""
    for beginning in ("Value error, ", "Assertion failed, "):
        if message.startswith(beginning):
            return message.removeprefix(beginning)
    if message.startswith("Input should be "):
        return f"expected {message.removeprefix('Input should be ')}"
    return message[:1].lower() + message[1:]


def _find_breach(plugin: Plugin) -> str:
    """Return which rule of the contract a plug-in breaks, or nothing."""
    for direction in ("request", "response"):
        need = getattr(plugin, f"{direction}_body")
        if not isinstance(need, BodyNeed) or need.kind == "stream":
            return f"declares a {direction}_body that is not made by buffered()"
        if need == NO_BODY and has_hook(plugin, f"on_{direction}_body"):
            return f"has on_{direction}_body, but does not declare {direction}_body = buffered(…)"
    if plugin.scope not in ("exchange", "attempt"):
        return f"has the scope {plugin.scope!r}, which is neither exchange nor attempt"
    if plugin.scope == "attempt":
        if plugin.decides:
            return "decides, and so runs once per exchange, not per attempt"
        if iscoroutinefunction(plugin.on_request):
            return "runs for every attempt, where on_request cannot wait"
    if not any(has_hook(plugin, hook) for hook in HOOKS):
        return f"has none of the hooks {', '.join(HOOKS)}"
    for hook, arguments in HOOKS.items():
        if not _takes(getattr(plugin, hook), arguments):
            return f"has an {hook} that does not take ({', '.join(arguments)})"
    return ""


def _takes(hook: Callable[..., object], arguments: tuple[str, ...]) -> bool:
    """Say whether a hook can be called with what it is given; one that does not show what it takes is believed."""
    try:
        told = signature(hook)
    except (TypeError, ValueError):
        return True
    try:
        told.bind(*arguments)
    except TypeError:
        return False
    return True
