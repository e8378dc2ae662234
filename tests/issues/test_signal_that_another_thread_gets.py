"""A signal that came just before the main thread began to wait, or that another thread got, was not heard until the wait ended."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import signal, sys, threading, time
from yaoki import Shutdown

shutdown = Shutdown(drain_timeout=1.0)
assert shutdown.install_signals()

def job():
    time.sleep(0.5)
    # The system may give it to any thread.
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
    time.sleep(60.0)

threading.Thread(target=job, daemon=True).start()
print(shutdown.wait_threads(), flush=True)
sys.exit(shutdown.drain_threads())
"""


def test_a_signal_is_heard_whichever_thread_gets_it() -> None:
    """SPEC H4: the shutdown begins, though nothing has woken the thread that waits for it."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=30.0, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (0, "SIGTERM\n", "")
