"""What every mapping of the configuration model is made of: the base class, its fields, short forms of mappings."""

from dataclasses import dataclass
from typing import Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    JsonValue,
    ValidatorFunctionWrapHandler,
)
from pydantic_core import CoreSchema, core_schema

from orion_gateway.config.kinds import Kind, fail
from orion_gateway.config.suggest import closest

REQUIRED: Any = ...


class Table(BaseModel):
    """A mapping of the route table: its keys are the fields, and no others."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


def key(default: Any, meaning: str, example: Any, *, shown_default: str | None = None) -> Any:
    """Return a field of a `Table`. The default is written as a user would write it, and read in the same way."""
    extra: dict[str, JsonValue] | None = None if shown_default is None else {"default": shown_default}
    return Field(default, description=meaning, examples=[example], json_schema_extra=extra)


def section(of: type[Table], meaning: str, example: dict[str, Any]) -> Any:
    """Return a field that is a mapping of its own, and has all its defaults when it is not written."""
    return Field(default_factory=of, description=meaning, examples=[example])


@dataclass(frozen=True)
class OrText:
    """Lets a scalar stand for a mapping: `"x"` for `{exact: "x"}`, where `exact` is the key and `kind` its kind."""

    key: str
    kind: Kind

    @property
    def name(self) -> str:
        """What the reference page calls the short form."""
        return self.kind.name

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def expand(value: object) -> object:
            # Nothing written stays nothing: it is reported as such.
            return value if isinstance(value, dict) or value is None else {self.key: value}

        return core_schema.no_info_before_validator_function(expand, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        scalar = self.kind.__get_pydantic_json_schema__(schema, handler)
        return {"anyOf": [*scalar.get("anyOf", [scalar]), handler(schema)]}


class OrOff:
    """Lets `off` stand for no mapping at all."""

    name = "`off`"

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def read(value: object) -> object:
            if value == "off":
                return None
            if value is False or (isinstance(value, str) and (value in {"no", "none"} or closest(value, ["off"]))):
                raise fail("E0201", "expected a mapping, or off", suggestion="off")
            return value

        return core_schema.no_info_before_validator_function(read, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        # The `null` that stands for `off` in the model is none of the table's values.
        options = handler(schema)["anyOf"]
        return {"anyOf": [{"const": "off"}, *(option for option in options if option != {"type": "null"})]}


class OrNone:
    """Lets `none` stand for an empty list."""

    name = "`none`"

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def read(value: object) -> object:
            if value == "none":
                return []
            if value is False or (isinstance(value, str) and (value in {"no", "off"} or closest(value, ["none"]))):
                raise fail("E0201", "expected a list, or none", suggestion="none")
            return value

        return core_schema.no_info_before_validator_function(read, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        options = handler(schema)["anyOf"]
        return {"anyOf": [{"const": "none"}, *(option for option in options if option != {"type": "null"})]}


class OrAll:
    """Lets `*` stand for a list that holds nothing else."""

    name = "`*`"

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def read(value: object) -> object:
            return [value] if value == "*" else value

        return core_schema.no_info_before_validator_function(read, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [{"const": "*"}, handler(schema)]}


@dataclass(frozen=True)
class OrName:
    """Lets a name stand for a mapping that is written elsewhere. The field is a `model | str`."""

    kind: Kind
    model: type[Table]

    @property
    def name(self) -> str:
        """What the reference page calls the short form."""
        return self.kind.name

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def read(value: object, validate: ValidatorFunctionWrapHandler) -> object:
            return self.kind.read(value) if isinstance(value, str) else validate(value)

        return core_schema.no_info_wrap_validator_function(read, handler.generate_schema(self.model))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [self.kind.__get_pydantic_json_schema__(schema, handler), handler(schema)]}


ShortForm = OrText | OrOff | OrNone | OrAll | OrName
