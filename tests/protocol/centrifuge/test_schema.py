"""One table: it agrees with client.proto, and JSON and Protobuf say the same of every message."""

from __future__ import annotations

import re
from collections.abc import Iterable
from inspect import signature
from pathlib import Path

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from gapless.protocol.centrifuge import client_pb2 as pb
from gapless.protocol.centrifuge import schema
from gapless.protocol.centrifuge.codecs import PROTOBUF
from gapless.protocol.centrifuge.schema import Kind, Many, Map, Shape

assert PROTOBUF is not None, "the tests need the protobuf extra"

ENVELOPES = {
    "Command": schema.REQUESTS,
    "Reply": {**schema.RESULTS, "error": schema.ERROR},
    "Push": schema.PUSHES,
}
SHAPES = [shape for shapes in ENVELOPES.values() for shape in shapes.values()]


def descriptor(name: str) -> Descriptor:
    found: Descriptor = pb.DESCRIPTOR.message_types_by_name[name]
    return found


# -- the table -------------------------------------------------------------------------------------


def kind_name(kind: Kind) -> str:
    if isinstance(kind, Many):
        return f"repeated {kind_name(kind.of)}"
    if isinstance(kind, Map):
        return f"map<string, {kind_name(kind.of)}>"
    return kind.name if isinstance(kind, Shape) else kind.value


TYPE_NAMES = {
    getattr(FieldDescriptor, f"TYPE_{name.upper()}"): name
    for name in ("string", "bytes", "bool", "uint32", "uint64", "int32", "int64", "sint64")
}


def field_name(field: FieldDescriptor) -> str:
    inner = field.message_type
    if inner is None:
        name = TYPE_NAMES[field.type]
    elif inner.GetOptions().map_entry:
        return f"map<string, {field_name(inner.fields_by_name['value'])}>"
    else:
        name = inner.name
    return f"repeated {name}" if field.is_repeated else name


def test_the_generated_module_is_that_of_client_proto() -> None:
    source = Path(pb.__file__).with_name("client.proto").read_text()
    declared = {
        name: set(re.findall(r"^  ([\w<>, ]+?) (\w+) = (\d+);$", body, re.MULTILINE))
        for name, body in re.findall(r"^message (\w+) \{(.*?)\}$", source, re.MULTILINE | re.DOTALL)
    }
    assert declared == {
        name: {(field_name(field), field.name, str(field.number)) for field in message.fields}
        for name, message in pb.DESCRIPTOR.message_types_by_name.items()
    }


def reachable(kinds: Iterable[Kind], found: dict[str, Shape]) -> dict[str, Shape]:
    for kind in kinds:
        inner = kind.of if isinstance(kind, (Many, Map)) else kind
        if isinstance(inner, Shape) and inner.name not in found:
            found[inner.name] = inner
            reachable(inner.fields.values(), found)
    return found


@pytest.mark.parametrize("shape", reachable(SHAPES, {}).values(), ids=lambda shape: shape.name)
def test_the_table_is_a_part_of_client_proto(shape: Shape) -> None:
    declared = descriptor(shape.name).fields_by_name
    assert {name: kind_name(kind) for name, kind in shape.fields.items()} == {
        name: field_name(declared[name]) for name in shape.fields
    }


@pytest.mark.parametrize("envelope", ENVELOPES)
def test_the_envelopes_name_their_messages_as_client_proto_does(envelope: str) -> None:
    declared = descriptor(envelope).fields_by_name
    for name, shape in ENVELOPES[envelope].items():
        assert field_name(declared[name]) == shape.name


def test_requests_are_in_the_order_of_their_numbers() -> None:
    declared = [field.name for field in descriptor("Command").fields if field.name != "id"]
    assert list(schema.REQUESTS) == declared


@pytest.mark.parametrize(
    "shape", [*schema.REQUESTS.values(), schema.FILTER_NODE], ids=lambda shape: shape.name
)
def test_a_request_has_exactly_the_fields_of_its_shape(shape: Shape) -> None:
    assert set(signature(shape.holder).parameters) == set(shape.fields)


# -- values of every message -----------------------------------------------------------------------


# -- commands, read from both ----------------------------------------------------------------------
