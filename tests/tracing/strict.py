"""The protocol's own reader of OTLP, made as strict as its JSON form is."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

from google.protobuf import json_format
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

ID_LENGTHS = {"traceId": 32, "spanId": 16, "parentSpanId": 16}


def read_traces(text: str | bytes) -> TracesData:
    """
    What an OTLP JSON document says.

    protobuf's reader refuses keys that it does not know and values that do not fit. It also takes what OTLP does not
    allow (snake_case, enums by name, 64-bit integers as numbers), so what it has read has to be written the same again.

    Raises:
        AssertionError: the document is not as OTLP wants it; says where.
        json_format.ParseError: it is not even protobuf's JSON.
    """
    told = _with_base64_ids(json.loads(text))
    message = TracesData()
    json_format.ParseDict(told, message)
    _said_again(told, json_format.MessageToDict(message, use_integers_for_enums=True), "")
    return message


def _with_base64_ids(told: Any) -> Any:
    """Ids are lower-case hexadecimal in OTLP's JSON and base64 in protobuf's, which is the one difference."""
    if isinstance(told, list):
        return [_with_base64_ids(item) for item in told]
    if not isinstance(told, dict):
        return told
    found = {key: _with_base64_ids(value) for key, value in told.items()}
    for key in found.keys() & ID_LENGTHS.keys():
        assert re.fullmatch(f"(?!0+$)[0-9a-f]{{{ID_LENGTHS[key]}}}", found[key]), f"{key}: {found[key]!r} is no id"
        found[key] = base64.b64encode(bytes.fromhex(found[key])).decode()
    return found


def _said_again(told: Any, again: Any, where: str) -> None:
    """Whether *again* is what was *told*; a value that is its field's default may be left out."""
    if isinstance(told, dict) and isinstance(again, dict):
        for key, value in told.items():
            place = f"{where}.{key}"
            if key in again:
                _said_again(value, again[key], place)
            else:
                assert value in (0, "0", "", False, [], {}), f"{place}: {value!r} is not said in OTLP's way"
    elif isinstance(told, list) and isinstance(again, list):
        assert len(told) == len(again), where
        for number, (one, other) in enumerate(zip(told, again, strict=True)):
            _said_again(one, other, f"{where}[{number}]")
    else:
        # A number may be written without its fraction; True is no number.
        alike = type(told) is type(again) or {type(told), type(again)} == {int, float}
        assert (alike, told) == (True, again), f"{where}: {told!r} is not said in OTLP's way, {again!r}"
