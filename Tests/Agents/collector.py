# SPDX-License-Identifier: Apache-2.0
"""Takes OTLP over HTTP and says what came, one JSON object a line; the first line is its port.

collector.py REFUSALS

So many requests are refused at first, as by a server that is busy.
"""

import gzip
import http.server
import json
import sys

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse

refusals = int(sys.argv[1])


def value(any_value):
    kind = any_value.WhichOneof("value")
    if kind == "array_value":
        return [value(item) for item in any_value.array_value.values]
    return getattr(any_value, kind)


def attributes(pairs):
    return {pair.key: value(pair.value) for pair in pairs}


def logs(body):
    for resource in ExportLogsServiceRequest.FromString(body).resource_logs:
        for scope in resource.scope_logs:
            for record in scope.log_records:
                yield {
                    "name": record.event_name, "scope": scope.scope.name, "time": record.time_unix_nano,
                    "severity": record.severity_number, "body": record.body.string_value,
                    "attributes": attributes(record.attributes), "resource": attributes(resource.resource.attributes)}


def spans(body):
    for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield {
                    "span": span.name, "trace": span.trace_id.hex(), "id": span.span_id.hex(),
                    "parent": span.parent_span_id.hex(), "begin": span.start_time_unix_nano, "end": span.end_time_unix_nano,
                    "attributes": attributes(span.attributes), "resource": attributes(resource.resource.attributes),
                    "events": [[event.name, attributes(event.attributes)] for event in span.events]}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        global refusals
        body = gzip.decompress(self.rfile.read(int(self.headers["content-length"])))
        if refusals > 0:
            refusals -= 1
            self.send_response(503)
            self.send_header("retry-after", "0")
            self.send_header("content-length", "0")
            self.end_headers()
            return
        read, answer = {
            "/v1/logs": (logs, ExportLogsServiceResponse()), "/v1/traces": (spans, ExportTraceServiceResponse()),
        }[self.path]
        assert self.headers["content-type"] == "application/x-protobuf"
        for item in read(body):
            print(json.dumps(item), flush=True)
        answer = answer.SerializeToString()
        self.send_response(200)
        self.send_header("content-type", "application/x-protobuf")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
