"""The examples of the repo pool (SPEC W1 to W5, X4)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).parents[3] / "examples"


def shown(name: str) -> str:
    """What the example prints, in an interpreter where warnings are errors."""
    done = subprocess.run(
        [sys.executable, "-W", "error", EXAMPLES / name], capture_output=True, text=True, timeout=50, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    return done.stdout


def test_a_slot_an_agent_and_a_lock_come_back() -> None:
    """SPEC W2, W3: the example of the source document, on a repository that it makes itself."""
    text = shown("error_recovery_example.py")

    assert "corrupted_slots: ['workspace-my-repo-slot1']" in text
    assert text.count("recover_slot: True") == 2
    assert "workspace-my-repo-slot2 is out of use: its disk is suspicious" in text
    assert "'orphaned_locks_cleaned': 1, 'errors': []" in text
    assert "kept of agent 7: 'half an hour of work, not committed'" in text
    assert "force_release_long_allocated=False: workspace-my-repo-slot1 reported" in text
    assert "force_release_long_allocated=True: workspace-my-repo-slot1 would_repair" in text
    assert "At the end: 0 problems found" in text


def test_agents_share_a_pool_and_lose_nothing() -> None:
    """SPEC W1: all get their turn, although two of them crash with a slot each."""
    text = shown("agents_share_a_pool.py")

    assert "2 of 2 slots are free; kept is the work of agent-1, agent-2, agent-3, agent-4, agent-5, agent-6" in text
