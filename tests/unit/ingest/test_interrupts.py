"""The exit code of a command that signals may stop."""

import os
import signal

from ingest.pipeline.interrupts import Signals


def test_the_exit_code_is_that_of_the_run_unless_a_signal_came() -> None:
    with Signals() as signals:
        assert (signals.exit_code(0), signals.exit_code(3)) == (0, 3)
        os.kill(os.getpid(), signal.SIGTERM)
        assert signals.stop.wait(5) and signals.exit_code(3) == 128 + signal.SIGTERM
