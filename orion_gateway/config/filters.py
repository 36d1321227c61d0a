"""The model of filters: what each that is built in may be told. `filter_checks` judges whether entries fit together."""

from typing import Annotated

from orion_gateway.config.content_filters import CompressConfig, TransformConfig
from orion_gateway.config.cors_filter import CorsConfig
from orion_gateway.config.fault_filter import FaultConfig
from orion_gateway.config.http_words import EditedFieldName, FieldValue
from orion_gateway.config.ip_access_filter import IpAccessConfig
from orion_gateway.config.kinds import NAME
from orion_gateway.config.plugin_filter import PluginConfig
from orion_gateway.config.table import OrName, OrNone, Table, key

_EDITS = {"X-Tier": "gold"}


class RequestHeadersConfig(Table):
    """Edits of the fields of requests. They are made in the order remove, set, add."""

    set: dict[EditedFieldName, FieldValue] = key({}, "Fields that get this one value.", {"X-Host": "${request.host}"})
    add: dict[EditedFieldName, FieldValue] = key({}, "Fields that are added beside those of the client.", _EDITS)
    remove: tuple[EditedFieldName, ...] = key([], "Fields that are left out.", ["X-Debug"])


class ResponseHeadersConfig(Table):
    """Edits of the fields of responses, local answers included. They are made in the order remove, set, add."""

    set: dict[EditedFieldName, FieldValue] = key({}, "Fields that get this one value.", {"X-Path": "${request.path}"})
    add: dict[EditedFieldName, FieldValue] = key({}, "Fields that are added beside those of the endpoint.", _EDITS)
    remove: tuple[EditedFieldName, ...] = key([], "Fields that are left out.", ["X-Powered-By"])


class FilterConfig(Table):
    """A filter: exactly one of the keys, which says what it is."""

    compress: CompressConfig | None = key(
        None, "Compresses responses for clients that accept it.", {"encodings": ["zstd", "br", "gzip"]}
    )
    cors: CorsConfig | None = key(
        None, "Says what pages of other origins may do.", {"origins": ["https://app.example.org"], "credentials": True}
    )
    fault: FaultConfig | None = key(
        None, "Makes requests slow or fail on purpose.", {"delay": "100ms..2s", "share": "10%"}
    )
    ip_access: IpAccessConfig | None = key(None, "Judges clients by their address.", {"allow": ["10.0.0.0/8"]})
    plugin: PluginConfig | None = key(
        None, "Runs a plug-in: Python code that is not part of the gateway.", {"use": "hello:Hello"}
    )
    request_headers: RequestHeadersConfig | None = key(
        None, "Edits the fields of requests.", {"remove": ["X-Debug"], "set": {"X-Tier": "gold"}}
    )
    response_headers: ResponseHeadersConfig | None = key(
        None, "Edits the fields of responses.", {"remove": ["Server", "X-Powered-By"]}
    )
    transform: TransformConfig | None = key(
        None, "Edits JSON content of requests and responses.", {"response": {"drop": ["debug"]}}
    )

    @property
    def kind(self) -> str:
        """The key that is written."""
        return next(iter(self.model_fields_set))


FilterEntry = Annotated[FilterConfig | str, OrName(NAME, FilterConfig)]
"""A filter written where it is used, or the name of one under `filters`, or `defaults`."""

FilterList = Annotated[tuple[FilterEntry, ...] | None, OrNone()]
