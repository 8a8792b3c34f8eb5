"""What programs say of themselves, on its way to a hub: log records, events, numbers, activities."""

from .events import activity, event, publish_to, stats
from .handler import HubHandler
from .libraries import HubProcessor, HubSink
from .opentelemetry import HubLogExporter
from .requests import RequestIds, request_id

__all__ = [
    "HubHandler",
    "HubLogExporter",
    "HubProcessor",
    "HubSink",
    "RequestIds",
    "activity",
    "event",
    "publish_to",
    "request_id",
    "stats",
]
