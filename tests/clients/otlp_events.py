"""Makes the events that otlp-python.test.mjs asserts. Arguments: address, key, compression (none, gzip or deflate)."""

import logging
import os
import sys
import warnings

url, key, compression = sys.argv[1:]
os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = url
os.environ["OTEL_EXPORTER_OTLP_HEADERS"] = f"Authorization=Bearer%20{key}"
os.environ["OTEL_EXPORTER_OTLP_COMPRESSION"] = compression

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, TraceFlags

warnings.filterwarnings("ignore", category=DeprecationWarning)
account = {"user.id": f"acct_{compression}", "session.id": "s_1"}
resource = Resource.create(
    {"service.name": "studio", "service.version": "2.4.1", "deployment.environment.name": "production"}
)
logs = LoggerProvider(resource=resource)
logs.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
spans = TracerProvider(resource=resource)
spans.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
tracer = spans.get_tracer("studio.boards")
logger = logging.getLogger("app.draw")
logger.setLevel(logging.DEBUG)
logger.addHandler(LoggingHandler(logger_provider=logs))


def draw(layer):
    return {}[layer]


with tracer.start_as_current_span("GET /gallery", kind=SpanKind.SERVER, attributes={"http.route": "/gallery", **account}):
    for number in range(20):
        logger.info("line %d", number, extra=account)
    logger.warning("the same, twice", extra=account)
    logger.warning("the same, twice", extra=account)
    with tracer.start_as_current_span("select boards", kind=SpanKind.CLIENT):
        pass
try:
    with tracer.start_as_current_span("render", attributes=account):
        with tracer.start_as_current_span("draw"):
            draw("sky")
except KeyError:
    logger.exception("cannot draw", extra=account)

caller = SpanContext(trace_id=0x5B8EFFF798038103D269B633813FC60C, span_id=0xEEE19B7EC3C1B174, is_remote=True, trace_flags=TraceFlags(1))
elsewhere = trace.set_span_in_context(NonRecordingSpan(caller))
with tracer.start_as_current_span("POST /boards", context=elsewhere, kind=SpanKind.SERVER, attributes=account):
    pass

assert logs.force_flush() and spans.force_flush(), "not delivered"
logs.shutdown()
spans.shutdown()
