"""Reading a file of tensors in the format safetensors, without copying it (SPEC G1).

Eight bytes with the length of the header, the header as JSON, then the numbers of every tensor, as the header says.
"""

from __future__ import annotations

import json
import math
import mmap
import struct
from typing import TYPE_CHECKING

import numpy as np

from yaoki.systems.chat.embeddings.embedder import ModelFilesError

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

__all__ = ["read_tensors"]

_KINDS = {"F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4"}
_LONGEST_HEADER = 1 << 24


def read_tensors(file: Path) -> dict[str, npt.NDArray[np.generic]]:
    """The tensors by name, of the shapes that the file gives, read-only; the system reads their pages when they are used.

    Raises ModelFilesError where the file is none of this format, OSError where it cannot be read.
    """
    with file.open("rb") as opened:
        try:
            content = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
        except ValueError as error:
            raise ModelFilesError(f"{file} is empty") from error
    try:
        (length,) = struct.unpack_from("<Q", content)
        if length > min(_LONGEST_HEADER, len(content)):
            raise ModelFilesError(f"{file} is no file of tensors: its header is too long")
        header = json.loads(content[8 : 8 + length])
        tensors = {}
        for name, said in header.items():
            if name == "__metadata__":
                continue
            begin, end = said["data_offsets"]
            shape = tuple(said["shape"])
            kind = np.dtype(_KINDS[said["dtype"]])
            if not 0 <= begin <= end or end - begin != kind.itemsize * math.prod(shape):
                raise ModelFilesError(f"{file}: the tensor {name} has another size than its shape")
            count = math.prod(shape)
            tensors[name] = np.frombuffer(content, kind, count, 8 + length + begin).reshape(shape)
    except (struct.error, AttributeError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, ModelFilesError):
            raise
        raise ModelFilesError(f"{file} is no file of tensors: {error}") from error
    return tensors
