"""User modules written for a test: frameworks resolve annotations in the module of the function, so it must be a real one."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

HEADERS = {"annotations": "", "postponed_annotations": "from __future__ import annotations\n"}


@pytest.fixture(params=HEADERS.values(), ids=HEADERS)
def user_module(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """Makes a module of a text, once with its annotations as they are and once with `from __future__ import annotations`."""

    def make(text: str) -> ModuleType:
        file = tmp_path / "users_module.py"
        file.write_text(request.param + text, "utf-8")
        specification = importlib.util.spec_from_file_location(file.stem, file)
        assert specification is not None
        assert specification.loader is not None
        module = importlib.util.module_from_spec(specification)
        monkeypatch.setitem(sys.modules, file.stem, module)
        specification.loader.exec_module(module)
        return module

    return make
