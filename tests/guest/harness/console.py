# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a person (or a CI log) sees: one line per event, each with the wall clock and the time since the start."""

import contextlib
import os
import signal
import sys
import threading
import time

START = time.monotonic()
HEARTBEAT_SECONDS = 15

_print_lock = threading.Lock()


def elapsed():
    return time.monotonic() - START


def say(text):
    """Prints one progress line. Several guests run at once, so a line is never torn."""
    _print(f"{time.strftime('%H:%M:%S')} +{elapsed():5.0f}s  {text}")


def show(text):
    """Prints a block of somebody else's output as it is."""
    _print(text.rstrip("\n"))


def _print(text):
    with _print_lock:
        try:
            print(text, flush=True)
        except BrokenPipeError:
            # Whoever read us has gone: end as for SIGTERM, that is, with a clean-up that prints to nobody.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            os.kill(os.getpid(), signal.SIGTERM)


@contextlib.contextmanager
def step(what):
    """Announces a long step, shows that it still lives, and says how long it took."""
    begun = time.monotonic()
    finished = threading.Event()

    def heartbeat():
        while not finished.wait(HEARTBEAT_SECONDS):
            say(f"{what}: still at it after {time.monotonic() - begun:.0f} s")

    say(f"{what} ...")
    thread = threading.Thread(target=heartbeat, daemon=True)
    thread.start()
    try:
        yield
    except BaseException as error:
        say(f"{what}: FAILED after {time.monotonic() - begun:.1f} s ({type(error).__name__})")
        raise
    else:
        say(f"{what}: done in {time.monotonic() - begun:.1f} s")
    finally:
        finished.set()
        thread.join()


def say_why(text, log=None):
    """Why something failed, with the end of its log if it has one."""
    say(text)
    if log:
        show(tail(log))


def tail(path, lines=40):
    """The end of a log file, for the screen."""
    try:
        with open(path, errors="replace") as log:
            return "".join(log.readlines()[-lines:])
    except OSError as error:
        return f"(no log: {error})\n"
