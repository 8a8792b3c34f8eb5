"""What holds of `protocol/centrifuge/schema`, whatever is put in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from gapless.errors import ClientError
from gapless.model import Member, Publication
from gapless.protocol.centrifuge import client_pb2 as pb
from gapless.protocol.centrifuge import messages as m
from gapless.protocol.centrifuge import schema
from gapless.protocol.centrifuge.codecs import JSON, PROTOBUF
from gapless.protocol.centrifuge.messages import Command, Reply
from gapless.protocol.centrifuge.schema import Kind, Many, Map, Scalar, Shape

from ....protocol.centrifuge.test_schema import descriptor

assert PROTOBUF is not None
BINARY = PROTOBUF


SCALARS: dict[Scalar, st.SearchStrategy[Any]] = {
    Scalar.STRING: st.text(st.characters(codec="utf-8"), max_size=6),
    Scalar.BYTES: st.sampled_from([b"", b"null", b'{"a": [1, "\xc3\xbc"]}', b"-1.50", b'"\\u0000\\n"']),
    Scalar.BOOL: st.booleans(),
    Scalar.U32: st.sampled_from([0, 1, 2**32 - 1]),
    Scalar.U64: st.sampled_from([0, 1, 2**53]),
    Scalar.I32: st.sampled_from([0, -1, 2**31 - 1, -(2**31)]),
    Scalar.I64: st.sampled_from([0, -1, 2**53, -(2**53)]),
}


keys = st.text(st.characters(codec="utf-8"), max_size=4)


payloads = SCALARS[Scalar.BYTES].filter(bool)


offsets = SCALARS[Scalar.U64]


infos = st.none() | payloads


members = st.builds(Member, keys, keys, infos, infos)


publications = st.builds(
    Publication,
    payloads,
    offsets,
    keys,
    st.none() | st.dictionaries(keys, keys, max_size=2),
    st.none() | members,
    st.floats(0, 1e9),
    st.booleans(),
)

assert PROTOBUF is not None


def values(kind: Kind, depth: int = 2) -> st.SearchStrategy[Any]:
    """What a field of this kind may hold."""
    if isinstance(kind, Scalar):
        return SCALARS[kind]
    if isinstance(kind, Many):
        return st.lists(values(kind.of, depth - 1), max_size=2 if depth else 0).map(tuple)
    if isinstance(kind, Map):
        return st.dictionaries(keys, values(kind.of, depth - 1), max_size=2)
    if kind.holder is Publication:
        return publications
    return st.none() if depth < 0 else instances(kind, depth)


def instances(shape: Shape, depth: int = 2) -> st.SearchStrategy[Any]:
    if shape.holder is Member:
        return members
    optional = {name: values(kind, depth) for name, kind in shape.fields.items()}
    return st.fixed_dictionaries({}, optional=optional).map(lambda found: shape.build(**found))


def json_source(value: Any) -> str:
    """A message as an SDK writes it: payloads embedded, what is empty left out."""
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        return f"[{','.join(map(json_source, value))}]"
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{json.dumps(key)}:{json_source(part)}" for key, part in value.items()) + "}"
    if isinstance(value, (str, bool, int)):
        return json.dumps(value)
    names = value._fields if hasattr(value, "_fields") else [field.name for field in fields(value)]
    parts = {name: getattr(value, name) for name in names}
    return json_source({name: part for name, part in parts.items() if part not in (b"", None)})


def fill(message: Message, value: Any) -> None:
    """The same, into a Protobuf message, by its descriptor."""
    for field in message.DESCRIPTOR.fields:
        part = getattr(value, field.name, None)
        if part is None or part in ((), {}):
            continue
        target = getattr(message, field.name)
        if isinstance(part, dict):
            for key, inner in part.items():
                if isinstance(inner, str):
                    target[key] = inner
                else:
                    fill(target[key], inner)
        elif field.is_repeated:
            for inner in part:
                if isinstance(inner, str):
                    target.append(inner)
                else:
                    fill(target.add(), inner)
        elif field.message_type is None:
            setattr(message, field.name, part)
        else:
            target.SetInParent()
            fill(target, part)


@given(st.data())
@pytest.mark.parametrize("name", schema.REQUESTS)
def test_a_request_is_read_the_same_from_both(name: str, data: st.DataObject) -> None:
    request = data.draw(instances(schema.REQUESTS[name]))
    number = data.draw(st.integers(1, 2**32 - 1))
    encoded = pb.Command(id=number)
    getattr(encoded, name).SetInParent()
    fill(getattr(encoded, name), request)
    body = encoded.SerializeToString()
    size = len(body)
    frame = (bytes([size]) if size < 128 else bytes([size & 127 | 128, size >> 7])) + body
    expected = [Command(number, request)]
    assert BINARY.decode(frame) == expected
    assert JSON.decode(f'{{"id":{number},"{name}":{json_source(request)}}}') == expected


def unframed(frame: bytes) -> bytes:
    at = next(place for place, byte in enumerate(frame) if byte < 128) + 1
    size = sum((byte & 127) << 7 * place for place, byte in enumerate(frame[:at]))
    assert size == len(frame) - at
    return frame[at:]


def tree(message: Message) -> dict[str, Any]:
    """What a Protobuf message says, as plain values; payloads parsed."""

    def plain(value: Any) -> Any:
        if isinstance(value, Message):
            return tree(value)
        return json.loads(value) if isinstance(value, bytes) else value

    found: dict[str, Any] = {}
    for field, value in message.ListFields():
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            found[field.name] = {key: plain(value[key]) for key in value}
        elif field.is_repeated:
            found[field.name] = [plain(part) for part in value]
        else:
            found[field.name] = plain(value)
    return found


def without_zeros(value: dict[str, Any], of: Descriptor) -> dict[str, Any]:
    """What a JSON message says, without the zeros that JSON writes and Protobuf does not."""
    found = {}
    for name, part in value.items():
        field = of.fields_by_name[name]
        inner = field.message_type
        if inner is not None and inner.GetOptions().map_entry:
            kind = inner.fields_by_name["value"].message_type
            part = {key: without_zeros(one, kind) if kind else one for key, one in part.items()}
        elif inner is not None and field.is_repeated:
            part = [without_zeros(one, inner) for one in part]
        elif inner is not None:
            found[name] = without_zeros(part, inner)
            continue
        if part or field.type == FieldDescriptor.TYPE_BYTES:
            found[name] = part
    return found


def assert_agree(kind: type[Message], from_json: bytes, from_protobuf: bytes) -> None:
    assert b"\n" not in from_json
    encoded = kind.FromString(unframed(from_protobuf))
    assert without_zeros(json.loads(from_json), descriptor(kind.__name__)) == tree(encoded)


errors = st.builds(
    lambda message, code, temporary: ClientError(message, code=code, temporary=temporary),
    keys,
    st.integers(-1, 2**32),
    st.booleans(),
)


@given(st.data(), st.integers(1, 2**32 - 1))
@pytest.mark.parametrize("name", [*schema.RESULTS, "error"])
def test_a_reply_says_the_same_in_both(name: str, data: st.DataObject, number: int) -> None:
    outcome = data.draw(errors if name == "error" else instances(schema.RESULTS[name]))
    reply = Reply(number, outcome)
    assert_agree(pb.Reply, JSON.encode_reply(reply), BINARY.encode_reply(reply))
    assert name in json.loads(JSON.encode_reply(reply))


pushes: dict[str, st.SearchStrategy[m.Push]] = {
    "pub": st.builds(m.PublicationPush, keys, publications),
    "join": st.builds(m.JoinPush, keys, members),
    "leave": st.builds(m.LeavePush, keys, members),
    "unsubscribe": st.builds(m.UnsubscribePush, keys, SCALARS[Scalar.U32], keys),
    "message": st.builds(m.MessagePush, payloads),
    "subscribe": st.builds(
        m.SubscribePush, keys, st.booleans(), keys, offsets, st.booleans(), SCALARS[Scalar.BYTES]
    ),
    "connect": st.builds(m.ConnectPush, instances(schema.CONNECT_RESULT)),
    "disconnect": st.builds(m.DisconnectPush, SCALARS[Scalar.U32], keys),
    "refresh": st.builds(m.RefreshPush, st.booleans(), SCALARS[Scalar.U32]),
}


@given(st.data())
@pytest.mark.parametrize("name", schema.PUSHES)
def test_a_push_says_the_same_in_both(name: str, data: st.DataObject) -> None:
    push = data.draw(pushes[name])
    assert_agree(pb.Push, JSON.encode_bare_push(push), BINARY.encode_bare_push(push))
    assert_agree(pb.Reply, JSON.encode_push(push), BINARY.encode_push(push))
    assert name in json.loads(JSON.encode_bare_push(push))


patches = st.none() | st.sampled_from([b"2\n2:{}1xw000;", b"\n\x00\xc3\xbc"])


sent = publications | st.builds(m.DeltaForm, publications, patches)


@given(keys.filter(bool), sent)
def test_a_publication_push_is_the_same_by_its_own_way(channel: str, publication: m.Sent) -> None:
    push = m.PublicationPush(channel, publication)
    assert BINARY.encode_publication_push(channel, publication) == BINARY.encode_push(push)
    assert BINARY.encode_publication_push(channel, publication, bare=True) == BINARY.encode_bare_push(push)
    for bare, frame in ((False, JSON.encode_push(push)), (True, JSON.encode_bare_push(push))):
        by_hand = JSON.encode_publication_push(channel, publication, bare=bare)
        assert b"\n" not in by_hand
        assert json.loads(by_hand) == json.loads(frame)


@given(publications, patches)
def test_delta_form_is_a_string_in_json_and_bytes_in_protobuf(
    publication: Publication, patch: bytes | None
) -> None:
    push = m.PublicationPush("c", m.DeltaForm(publication, patch))
    in_json = json.loads(JSON.encode_bare_push(push))["pub"]
    in_protobuf = pb.Push.FromString(unframed(BINARY.encode_bare_push(push))).pub
    assert in_json["data"].encode() == in_protobuf.data == (publication.payload if patch is None else patch)
    assert in_json.get("delta", False) == in_protobuf.delta == (patch is not None)
