# SPDX-License-Identifier: LGPL-2.1-or-later
"""tests/bench: builds the benchmark and its peer, runs them in guests, prints and keeps what they measured."""

import argparse
import json
import os

from . import build, container, fleet, plots, stage
from .console import say, say_why, show, step
from .places import cache
from .process import CommandFailed, Stopped, run_logged, stop_on_signals
from .report import Tally
from .session import Session

PROGRAM = "tests/performance/scopewright-performance"
PEER = build.CHECKOUT / "tests/performance/libcontainer.go"
DOCS = build.CHECKOUT / "docs/performance"
# Limits land in files of controllers, and only an emulated machine has all of those for sure.
MACHINE_SECTIONS = ("groups",)
CONTAINER_SECTIONS = ("activation", "memory", "start", "stop", "groups", "concurrency", "noise", "scale", "flood")
MACHINE = "252"
SECONDS = 1500


def make_peer(directory):
    """libcontainer from the distribution's packages; a program without libraries, so that it runs on every root."""
    program = directory / "libcontainer-peer"
    environment = {**os.environ, "GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "CGO_ENABLED": "0"}
    with step("libcontainer's driver: compiling"):
        run_logged(["go", "build", "-o", program, PEER], cache("logs", "build-peer.log"), "go build", seconds=600,
                   env=environment, cwd=directory)
    return program


def figures_in(output):
    """What the program measured: its last line."""
    for line in reversed(output.splitlines()):
        if line.startswith("JSON "):
            return json.loads(line.removeprefix("JSON "))
    return None


def measure(session, guest, sections):
    command = [f"/{stage.TESTS}/scopewright-performance", *sections]
    # Which of the floods, for who looks at one of them.
    environment = {"SCOPEWRIGHT_FLOOD": os.environ.get("SCOPEWRIGHT_FLOOD", "")}
    report = fleet.run(session, [guest], [command], jobs=1, limit=SECONDS, environment=environment)[0]
    for result in report.results:
        show("\n".join(line for line in result.output.splitlines() if not line.startswith("JSON ")))
    if report.error:
        say_why(report.error, report.log)
    figures = figures_in(report.results[0].output) if report.results else None
    if figures is not None:
        figures = {"guest": str(guest), "systemd": report.version, **figures}
    return figures, report.tally()


def arguments(argv):
    parser = argparse.ArgumentParser(prog="tests/bench", description="What going through scopewright costs.")
    parser.add_argument("--systemd", default="252,257", metavar="VERSIONS", help="of the container guests (252,257)")
    parser.add_argument("--bus", choices=container.BUSES, default="daemon", help="which D-Bus broker the containers have")
    parser.add_argument("--docs", action="store_true", help="write docs/performance/*.json and the plots")
    parser.add_argument("sections", nargs="*", metavar="SECTION", help="instead of all of them")
    options = parser.parse_args(argv)
    if unknown := set(options.sections) - {*CONTAINER_SECTIONS, *MACHINE_SECTIONS}:
        parser.error(f"there is no section {', '.join(sorted(unknown))}")
    return options


def jobs_of(options):
    def wanted(sections):
        return [section for section in sections if not options.sections or section in options.sections]

    jobs = [(guest, wanted(CONTAINER_SECTIONS)) for guest in fleet.parse_versions(options.systemd, "container", options.bus)]
    # A machine has the reference implementation, and its figures are the same whatever the containers have.
    if options.bus == "daemon":
        jobs += [(guest, wanted(MACHINE_SECTIONS)) for guest in fleet.parse_versions(MACHINE, "machine")]
    return [(guest, sections) for guest, sections in jobs if sections]


def main(argv):
    options = arguments(argv)
    stop_on_signals()
    tally = Tally()
    try:
        jobs = jobs_of(options)
        fleet.prepare([guest for guest, _ in jobs])
        product = build.product().make(["scopewright-performance"])
        product.make()
        peer = make_peer(product.directory)
        results = []
        with Session() as session:
            stage.make(session, product, [product.directory / PROGRAM, peer])
            for guest, sections in jobs:
                figures, counted = measure(session, guest, sections)
                tally += counted
                results += [figures] if figures else []
        kept = DOCS if options.docs else cache("bench")
        kept.mkdir(parents=True, exist_ok=True)
        for figures in results:
            name = figures["guest"].replace(" ", "-")
            (kept / f"{name}.json").write_text(json.dumps(figures, indent=1) + "\n")
        if options.docs:
            plots.draw(results, kept)
        missed = [target for figures in results for target in figures["targets"] if not target["met"]]
        say(f"{len(missed)} targets missed; the figures: {kept}")
    except Stopped:
        say("stopped; everything is cleaned up")
        return 130
    except CommandFailed as failure:
        say_why(f"FAILED: {failure}", failure.log)
        tally += Tally(failed=1)
    print(tally)
    return 1 if tally.failed else 0
