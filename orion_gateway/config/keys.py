"""Walk the model by the path of a setting: which mapping stands where, and which keys it has."""

from __future__ import annotations

from types import UnionType
from typing import TYPE_CHECKING, Annotated, Union, get_args, get_origin

from orion_gateway.config.model import Config
from orion_gateway.config.table import Table

if TYPE_CHECKING:
    from orion_gateway.config.places import Location


def model_at(location: Location, root: type[Table] = Config) -> type[Table] | None:
    """Return the model of the mapping at a location in a file of model `root`, or `None` where no fixed keys are."""
    annotation: object = root
    for step in location:
        annotation = _below(annotation, step)
    return annotation if isinstance(annotation, type) and issubclass(annotation, Table) else None


def keys_of(model: type[Table] | None) -> list[str]:
    """Return the keys of a mapping in the order of the model."""
    return list(model.model_fields) if model else []


def strip_annotation(annotation: object) -> object:
    """Return the type without what `Annotated` and `| None` put around it."""
    while True:
        arguments = get_args(annotation)
        if get_origin(annotation) is Annotated:
            annotation = arguments[0]
        elif get_origin(annotation) in {Union, UnionType}:
            annotation = next(argument for argument in arguments if argument is not type(None))
        else:
            return annotation


def _below(annotation: object, step: str | int) -> object:
    annotation = strip_annotation(annotation)
    if isinstance(annotation, type) and issubclass(annotation, Table):
        field = annotation.model_fields.get(str(step))
        return strip_annotation(field.annotation) if field else None
    # What remains are tuple[X, ...] and dict[key, X].
    arguments = get_args(annotation)
    if not arguments:
        return None
    return strip_annotation(arguments[0] if isinstance(step, int) else arguments[-1])
