"""What a table of the checks file may say: one model for each type.

Each field's example is what a fault of it is mended by.
"""

import re
from ipaddress import ip_address
from typing import Annotated, Any, Final, Literal, Self, TypeAlias

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)

from app.backend.config.database_url import (
    UnusableDatabaseUrlError,
    read_database_url,
)
from app.backend.config.settings.values import PositiveSeconds, parse_duration
from app.backend.config.urls import is_http

__all__ = [
    "TABLES",
    "AnyTable",
    "CheckTable",
    "DnsTable",
    "HeartbeatTable",
    "HttpTable",
    "SqlTable",
    "TcpTable",
    "TlsTable",
]

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 §5.6.2
_YEAR = 366 * 86_400.0


def _listed(value: object) -> object:
    return [value] if isinstance(value, int) else value


_Span = Annotated[PositiveSeconds, BeforeValidator(parse_duration)]
_Count = Annotated[int, Field(ge=1, le=100)]
_Days = Annotated[float, Field(ge=0, le=3660)]
_Text = Annotated[str, Field(min_length=1, max_length=10_000)]
_Host = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[^\s./][^\s/]*$")]
_Bound = Annotated[float, Field(allow_inf_nan=False)]
_Port = Annotated[int, Field(ge=1, le=65_535)]
_Code = Annotated[int, Field(ge=100, le=599)]
_Codes = Annotated[list[_Code], BeforeValidator(_listed)]
_Mismatch = Literal["degraded", "unhealthy"]


class CheckTable(BaseModel):
    """What every type has: the policy, as ``CheckPolicy`` explains it.

    Whatever is declared by an address is the same thing for all replicas, so it is
    ``shared``; a neighbour of each replica's own has to say that it is not.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, hide_input_in_errors=True
    )

    critical: bool = Field(default=False, examples=["true"])
    shared: bool = Field(default=True, examples=["false"])
    gate: bool = Field(default=False, examples=["true"])
    period: _Span = Field(default=30.0, examples=["60", '"5m"'])
    timeout: _Span = Field(default=10.0, examples=["5", '"5s"'])
    fall: _Count = Field(default=2, examples=["2"])
    rise: _Count = Field(default=2, examples=["2"])
    min_time: Annotated[
        float, Field(ge=0, le=86_400), BeforeValidator(parse_duration)
    ] = Field(default=0.0, examples=["60", '"1m"'])
    stale_periods: Annotated[float, Field(ge=1, le=100)] | None = Field(
        default=None, examples=["3"]
    )
    backoff: bool = Field(default=False, examples=["true"])
    budget: Annotated[int, Field(ge=0, le=1_000_000)] = Field(
        default=0, examples=["120"]
    )

    @property
    def policy(self) -> dict[str, Any]:
        """What the registry is told; what is not said here is left to its base."""
        said = {name: getattr(self, name) for name in CheckTable.model_fields}
        return {name: value for name, value in said.items() if value is not None}


class HttpTable(CheckTable):
    """``type = "http"``."""

    type: Literal["http"]
    url: SecretStr = Field(examples=['"https://shop.example.com/health"'])
    method: Literal["GET", "HEAD"] = Field(default="GET", examples=['"GET"'])
    headers: dict[str, SecretStr] = Field(
        default_factory=dict, examples=['{ authorization = "Bearer ${SHOP_TOKEN}" }']
    )
    status: _Codes = Field(default_factory=list, examples=["200", "[200, 204]"])
    contains: _Text | None = Field(default=None, examples=['"in stock"'])
    json_path: _Text | None = Field(default=None, examples=['"checks.database.status"'])
    json_equals: str | int | float | bool | None = Field(
        default=None, examples=['"healthy"']
    )
    mismatch: _Mismatch = Field(default="degraded", examples=['"unhealthy"'])

    @field_validator("url")
    @classmethod
    def _is_url(cls, value: SecretStr) -> SecretStr:
        if not is_http(value.get_secret_value()):
            raise ValueError("has to be an http:// or https:// URL")
        return value

    @field_validator("headers")
    @classmethod
    def _are_headers(cls, value: dict[str, SecretStr]) -> dict[str, SecretStr]:
        if not all(_TOKEN.fullmatch(name) for name in value):
            raise ValueError("has a name that no header can have")
        return value

    @model_validator(mode="after")
    def _asks_what_can_be_answered(self) -> Self:
        if (self.json_path is None) != (self.json_equals is None):
            raise ValueError("json_path and json_equals need each other")
        if self.method == "HEAD" and (self.contains or self.json_path):
            raise ValueError("the answer to HEAD has no body to look into")
        return self


class TcpTable(CheckTable):
    """``type = "tcp"``."""

    type: Literal["tcp"]
    host: _Host = Field(examples=['"mail.example.com"'])
    port: _Port = Field(examples=["587"])


class TlsTable(CheckTable):
    """``type = "tls"``; ten minutes, since a certificate's end is known in advance."""

    type: Literal["tls"]
    period: _Span = Field(default=600.0, examples=["600", '"10m"'])
    host: _Host = Field(examples=['"shop.example.com"'])
    port: _Port = Field(default=443, examples=["443"])
    server_name: _Host | None = Field(default=None, examples=['"shop.example.com"'])
    warn_days: _Days = Field(default=14.0, examples=["14"])
    critical_days: _Days = Field(default=3.0, examples=["3"])
    ca_file: _Text | None = Field(default=None, examples=['"certs/own-ca.pem"'])

    @model_validator(mode="after")
    def _warns_first(self) -> Self:
        if self.critical_days > self.warn_days:
            raise ValueError("critical_days has to be warn_days at most")
        return self


class DnsTable(CheckTable):
    """``type = "dns"``."""

    type: Literal["dns"]
    period: _Span = Field(default=60.0, examples=["60", '"5m"'])
    host: _Host = Field(examples=['"shop.example.com"'])
    addresses: list[str] = Field(
        default_factory=list, examples=['["192.0.2.10", "2001:db8::10"]']
    )
    mismatch: _Mismatch = Field(default="degraded", examples=['"unhealthy"'])

    @field_validator("addresses")
    @classmethod
    def _are_addresses(cls, value: list[str]) -> list[str]:
        try:
            return [str(ip_address(one)) for one in value]
        except ValueError:
            raise ValueError("has to be a list of IP addresses") from None


class SqlTable(CheckTable):
    """``type = "sql"``."""

    type: Literal["sql"]
    period: _Span = Field(default=60.0, examples=["60", '"5m"'])
    query: Annotated[_Text, Field(pattern=r"\S")] = Field(
        examples=['"select count(*) from jobs"']
    )
    dsn: SecretStr | None = Field(default=None, examples=['"${REPORTS_DATABASE_URL}"'])
    min: _Bound | None = Field(default=None, examples=["1"])
    max: _Bound | None = Field(default=None, examples=["1000"])
    warn_min: _Bound | None = Field(default=None, examples=["5"])
    warn_max: _Bound | None = Field(default=None, examples=["500"])

    @property
    def has_bounds(self) -> bool:
        """Whether the value is a number to be compared; else it has to be true."""
        bounds = (self.min, self.max, self.warn_min, self.warn_max)
        return any(one is not None for one in bounds)

    @field_validator("dsn")
    @classmethod
    def _is_database(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            try:
                read_database_url(value.get_secret_value())
            except UnusableDatabaseUrlError as error:
                raise ValueError(f"cannot be used: {error.reason}") from None
        return value

    @model_validator(mode="after")
    def _bounds_are_in_order(self) -> Self:
        bounds = (self.min, self.warn_min, self.warn_max, self.max)
        given = [one for one in bounds if one is not None]
        if given != sorted(given):
            raise ValueError("min, warn_min, warn_max and max have to rise")
        return self


class HeartbeatTable(CheckTable):
    """``type = "heartbeat"``; one beat ends the alarm."""

    type: Literal["heartbeat"]
    period: _Span = Field(default=15.0, examples=["15", '"1m"'])
    rise: _Count = Field(default=1, examples=["1"])
    every: Annotated[float, Field(gt=0, le=_YEAR), BeforeValidator(parse_duration)] = (
        Field(examples=['"1d"'])
    )
    grace: Annotated[float, Field(ge=0, le=_YEAR), BeforeValidator(parse_duration)] = (
        Field(default=60.0, examples=['"15m"'])
    )


AnyTable: TypeAlias = (
    HttpTable | TcpTable | TlsTable | DnsTable | SqlTable | HeartbeatTable
)
TABLES: Final[dict[str, type[AnyTable]]] = {
    "http": HttpTable,
    "tcp": TcpTable,
    "tls": TlsTable,
    "dns": DnsTable,
    "sql": SqlTable,
    "heartbeat": HeartbeatTable,
}
"""By what ``type`` says."""
