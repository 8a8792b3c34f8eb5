"""The Centrifuge client protocol, version 2, at the door: its two codecs and its delta form.

`PROTOBUF` is None where the `protobuf` extra is not installed.
"""

from __future__ import annotations

from typing import Final

from ...model import Publication, Run
from ...opaque import is_packed
from . import delta
from .codec import Codec
from .json_codec import JsonCodec
from .messages import DeltaForm

__all__ = ["JSON", "PROTOBUF", "Codec", "delta_form", "delta_forms"]


def _protobuf() -> Codec | None:
    try:
        from .protobuf_codec import ProtobufCodec
    except ModuleNotFoundError as missing:
        if missing.name is None or missing.name.partition(".")[0] != "google":
            raise
        return None
    return ProtobufCodec()


JSON: Final = JsonCodec()
PROTOBUF: Final = _protobuf()


def delta_form(publication: Publication, base: Publication | None) -> DeltaForm:
    """The publication for subscribers that negotiated delta and got `base` just before.

    A patch where it was published for that and the patch is the shorter; without a base, whole.
    """
    if base is None or not publication.delta or is_packed(publication.payload) or is_packed(base.payload):
        return DeltaForm(publication)
    patch = delta.create(base.payload, publication.payload)
    if len(patch) >= len(publication.payload) or not delta.fits_json(patch):
        return DeltaForm(publication)
    return DeltaForm(publication, patch)


def delta_forms(publications: list[Publication]) -> list[DeltaForm]:
    """The publications of a recovery reply: the first whole, then each upon its neighbour."""
    if isinstance(publications, Run):
        return publications.once("delta", lambda run: Run(_delta_forms(run)))
    return _delta_forms(publications)


def _delta_forms(publications: list[Publication]) -> list[DeltaForm]:
    bases = [None, *publications]
    return [delta_form(publication, base) for publication, base in zip(publications, bases, strict=False)]
