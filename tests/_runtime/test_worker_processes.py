"""Workers end with their parent, even where it is killed."""

import os
import signal
import subprocess
import sys
import time

import pytest

PARENT = """
import os, threading, time
from openmm_cgvae._runtime.worker_processes import process_pool

pool = process_pool(2)
workers = {pool.submit(os.getpid).result() for _ in range(20)}
thread = threading.Thread(target=pool.submit, args=(time.sleep, 1000))
thread.start()
thread.join()
print(*workers, flush=True)
time.sleep(1000)
"""
SECONDS_TO_END = 30


def is_alive(process_id):
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("last_words", [signal.SIGKILL, signal.SIGTERM])
def test_workers_of_a_killed_parent_end_and_let_go_of_its_pipes(last_words):
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True
    ) as parent:
        workers = [int(word) for word in parent.stdout.readline().split()]
        assert workers
        assert all(map(is_alive, workers))
        parent.send_signal(last_words)
        began = time.monotonic()
        # The pipe ends when nobody holds it any longer.
        assert parent.communicate(timeout=SECONDS_TO_END) == ("", None)
        assert time.monotonic() - began < SECONDS_TO_END
