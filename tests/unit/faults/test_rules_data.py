"""What cannot be decoded, and what cannot be encoded (SPEC F3, G2)."""

from __future__ import annotations

import binascii
import configparser
import csv
import gzip
import io
import json
import lzma
import pickle
import plistlib
import struct
import tarfile
import tomllib
import xml.etree.ElementTree as ET
import xml.sax
import zipfile
import zlib
from collections.abc import Callable

import pytest

from tests.unit.faults.verdicts import CALLER, THE_CALLERS, WRONG_DATA, raised_by, says
from yaoki.core.faults.classifier import classify


@pytest.mark.parametrize(
    "decode",
    [
        lambda: json.loads("{not json"),
        lambda: b"\xff\xfe\xfa".decode("utf-8"),
        lambda: binascii.unhexlify("xyz"),
        lambda: struct.unpack(">I", b"\x00"),
        lambda: zlib.decompress(b"garbage"),
        lambda: lzma.decompress(b"garbage"),
        lambda: gzip.decompress(b"garbage"),
        lambda: zipfile.ZipFile(io.BytesIO(b"garbage")),
        lambda: tarfile.TarFile(fileobj=io.BytesIO(b"garbage")),
        lambda: pickle.loads(b"garbage"),
        lambda: list(csv.reader(['"a'], strict=True)),
        lambda: tomllib.loads("x ="),
        lambda: plistlib.loads(b"garbage"),
        lambda: ET.fromstring("<a>"),
        lambda: xml.sax.parseString(b"<a>", xml.sax.ContentHandler()),
    ],
    ids=["json", "utf8", "hex", "struct", "zlib", "lzma", "gzip", "zip", "tar", "pickle", "csv", "toml", "plist", "xml", "sax"],
)
def test_a_wrong_payload_is_a_data_fault_of_the_dependency(decode: Callable[[], object]) -> None:
    """SPEC G2, F3: a 200 with garbage in it counts as a failure, and a repetition may help."""
    assert says(raised_by(decode)) == WRONG_DATA


@pytest.mark.parametrize(
    "encode",
    [lambda: "é".encode("ascii"), lambda: pickle.dumps(lambda: None), lambda: configparser.ConfigParser().read_string("x")],
    ids=["ascii", "pickle", "ini"],
)
def test_what_cannot_be_encoded_is_the_callers(encode: Callable[[], object]) -> None:
    """SPEC F3: the value was the caller's."""
    assert classify(raised_by(encode)).origin is CALLER


def test_a_json_value_that_cannot_be_encoded_is_the_callers() -> None:
    """SPEC F3: TypeError."""
    assert says(raised_by(lambda: json.dumps(object()))) == THE_CALLERS
