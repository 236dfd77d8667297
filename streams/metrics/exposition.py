"""How a registry is served to Prometheus."""

from prometheus_client import CollectorRegistry, generate_latest

# The format is UTF-8 by definition; a `charset` here is refused by aiohttp, which wants it apart.
CONTENT_TYPE = "text/plain; version=0.0.4"


def exposition_of(registry: CollectorRegistry) -> tuple[bytes, str]:
    """Give the body and the content type of an answer to `GET /metrics`, in the text format that every Prometheus reads."""
    return generate_latest(registry), CONTENT_TYPE
