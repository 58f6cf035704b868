# SPDX-License-Identifier: LGPL-2.1-or-later
"""Child processes that never outlive the harness and never wait for ever."""

import os
import signal
import subprocess
import threading
import time

_stop = threading.Event()


class Stopped(Exception):
    """Somebody pressed Ctrl-C, or asked us to end; whoever sees this cleans up and leaves."""


class CommandFailed(Exception):
    def __init__(self, what, log=None):
        super().__init__(what)
        self.log = log


def stopping():
    return _stop.is_set()


def stop_on_signals():
    """From now on SIGINT, SIGTERM and SIGHUP make every wait in every thread raise Stopped.

    A second signal changes nothing: the clean-up must not be interrupted half-way.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: _stop.set())


def start(argv, **options):
    """Popen in a session of its own, so that Ctrl-C reaches only us and we decide in which order things end."""
    options.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.Popen([str(word) for word in argv], start_new_session=True, **options)


def start_bound(argv, **options):
    """Like start(), and the kernel kills the child when the calling thread dies, even by SIGKILL."""
    return start(["setpriv", "--pdeathsig", "KILL", "--", *argv], **options)


def end(process, grace=5.0):
    """Ends a process and everything in its session."""
    if process.poll() is None:
        for number, patience in ((signal.SIGTERM, grace), (signal.SIGKILL, 10.0)):
            try:
                os.killpg(process.pid, number)
            except ProcessLookupError:
                pass
            try:
                process.wait(patience)
                break
            except subprocess.TimeoutExpired:
                continue
    return process.returncode


def wait(process, seconds, what):
    """Waits for the exit status; raises Stopped, or CommandFailed at the deadline, with the process ended."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return process.wait(0.1)
        except subprocess.TimeoutExpired:
            pass
        if stopping():
            end(process)
            raise Stopped()
        if time.monotonic() > deadline:
            end(process)
            raise CommandFailed(f"{what}: not finished after {seconds:.0f} s")


def run_logged(argv, log, what, seconds=900, check=True, **options):
    """Runs a command with its output in a log file. Returns the exit status; check raises when it is not 0."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, "ab") as output:
        output.write(("$ " + " ".join(str(word) for word in argv) + "\n").encode())
        output.flush()
        try:
            status = wait(start(argv, stdout=output, stderr=subprocess.STDOUT, **options), seconds, what)
        except CommandFailed as failure:
            failure.log = log
            raise
    if check and status != 0:
        raise CommandFailed(f"{what}: exit status {status}", log)
    return status
