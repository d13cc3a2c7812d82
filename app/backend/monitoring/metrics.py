"""The counters as OpenMetrics text, written when somebody asks and not before."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prometheus_client import Metric

__all__ = ["CONTENT_TYPE", "Family", "Histogram", "expose"]

CONTENT_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"

Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Histogram:
    """One histogram: counts for each bound and one beyond, and the sum of values."""

    counts: Sequence[int]
    total: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One metric family.

    Attributes:
        name: without ``_total``; it is added to counters.
        kind: ``counter``, ``gauge`` or ``histogram``.
        help: one sentence.
        samples: labels and value of each; a :class:`Histogram` for histograms.
        bounds: upper bounds of a histogram's buckets.
    """

    name: str
    kind: str
    help: str
    samples: Sequence[tuple[Labels, float | Histogram]] = field(default_factory=tuple)
    bounds: Sequence[float] = ()


def expose(families: Iterable[Family], common: Labels) -> bytes:
    """Renders ``families``, each sample with the ``common`` labels added."""
    # prometheus-client takes 90 ms to import, and most processes are never scraped.
    from prometheus_client import CollectorRegistry  # noqa: PLC0415
    from prometheus_client.openmetrics.exposition import (  # noqa: PLC0415
        generate_latest,
    )

    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector([_metric(one, common) for one in families]))
    text: bytes = generate_latest(registry)  # type: ignore[no-untyped-call] # theirs
    return text


class _Collector:
    def __init__(self, metrics: list["Metric"]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable["Metric"]:
        return self._metrics


def _metric(family: Family, common: Labels) -> "Metric":
    from prometheus_client.core import (  # noqa: PLC0415 - see expose()
        CounterMetricFamily,
        GaugeMetricFamily,
        HistogramMetricFamily,
    )

    names = [*common, *(next(iter(family.samples))[0] if family.samples else ())]
    build: Mapping[str, Callable[..., Any]] = {
        "counter": CounterMetricFamily,
        "gauge": GaugeMetricFamily,
        "histogram": HistogramMetricFamily,
    }
    metric = build[family.kind](family.name, family.help, labels=names)
    for labels, value in family.samples:
        values = [*common.values(), *labels.values()]
        if isinstance(value, Histogram):
            buckets = _cumulative(value, family.bounds)
            metric.add_metric(values, buckets=buckets, sum_value=value.total)
        else:
            metric.add_metric(values, value)
    return metric  # type: ignore[no-any-return] # built by name, see above


def _cumulative(value: Histogram, bounds: Sequence[float]) -> list[tuple[str, int]]:
    names = [*(str(bound) for bound in bounds), "+Inf"]
    buckets, so_far = [], 0
    for name, count in zip(names, value.counts, strict=True):
        so_far += count
        buckets.append((name, so_far))
    return buckets
