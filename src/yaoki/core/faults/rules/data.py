"""What cannot be decoded: an answer came and its content is wrong (SPEC F3, G2: that is a failure of the dependency).

Encoding is the other direction: there the value was the caller's. Unicode errors stand with the language's own.
"""

from __future__ import annotations

from yaoki.core.faults.templates import CALLERS_BUG, WRONG_DATA

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from yaoki.core.faults.rule import Answer

__all__ = ["RULES"]

RULES: Mapping[str, Answer] = {
    "json.decoder.JSONDecodeError": WRONG_DATA,
    "binascii.Error": WRONG_DATA,
    "struct.error": WRONG_DATA,
    "zlib.error": WRONG_DATA,
    "_lzma.LZMAError": WRONG_DATA,
    "compression.zstd.ZstdError": WRONG_DATA,
    "gzip.BadGzipFile": WRONG_DATA,
    "zipfile.BadZipFile": WRONG_DATA,
    "tarfile.TarError": WRONG_DATA,
    "_pickle.UnpicklingError": WRONG_DATA,
    "_pickle.PicklingError": CALLERS_BUG,
    "_csv.Error": WRONG_DATA,
    # Configuration is the caller's.
    "configparser.Error": CALLERS_BUG,
    "tomllib.TOMLDecodeError": WRONG_DATA,
    "plistlib.InvalidFileException": WRONG_DATA,
    "xml.etree.ElementTree.ParseError": WRONG_DATA,
    "xml.parsers.expat.ExpatError": WRONG_DATA,
    "xml.sax._exceptions.SAXException": WRONG_DATA,
    "email.errors.MessageError": WRONG_DATA,
}
