"""The example of the chatbot: the code of the source document in the library's idiom (SPEC X4)."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[3] / "examples" / "rag_chatbot.py"


def test_every_state_has_its_mode_and_its_notice() -> None:
    """SPEC G3, K3: the modes, notices and apologies of the source document, word for word, and normal again by itself."""
    pytest.importorskip("httpx")
    done = subprocess.run(
        [sys.executable, "-W", "error", EXAMPLE], capture_output=True, text=True, timeout=50, check=False, encoding="utf-8"
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    replies = [json.loads(each) for each in re.findall(r"^\{.*?^\}", done.stdout, re.DOTALL | re.MULTILINE)]
    assert [(each["mode"], each["notice"], each["message"]) for each in replies] == [
        ("normal", None, "About three minutes."),
        ("degraded-no-context", "検索機能が一時的に利用できないため、一般的な回答を提供しています", "About three minutes."),
        ("degraded-cache-only", "応答生成サービスが一時的に利用できません", "About three minutes."),
        (
            "static-only",
            "検索機能と応答生成サービスが一時的に利用できないため、あらかじめ用意した回答のみを提供しています",
            "申し訳ありませんが、現在システムに障害が発生しています。後ほどお試しください。",
        ),
        ("normal", None, "About three minutes."),
    ]
