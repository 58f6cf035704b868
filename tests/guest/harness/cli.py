# SPDX-License-Identifier: LGPL-2.1-or-later
"""The command line of tests/guest/run."""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

from . import build, cgroups, container, fleet, guestfiles, machine, roots, stage
from .console import say, say_why, show, tail
from .process import CommandFailed, Stopped, stop_on_signals
from .report import Tally
from .session import Session

EPILOG = """
examples:
  tests/guest/run --container all -- /usr/libexec/scopewright-tests/guest-tests
  tests/guest/run --bare --container 252,257 --machine 252 -- cat /sys/fs/cgroup/cgroup.controllers
  tests/guest/run --container 247 -c 'systemctl --failed' -c 'journalctl -p err'
  tests/guest/run --apparmor --machine 252 -- cat /sys/kernel/security/apparmor/profiles
  tests/guest/run --container 252 --shell
"""


def arguments(argv):
    parser = argparse.ArgumentParser(prog="tests/guest/run", description="Run commands in guests with a real systemd.",
                                     epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--container", metavar="VERSIONS", default="", help='systemd versions, as "247,252", or "all"')
    parser.add_argument("--machine", metavar="VERSIONS", default="", help='the same for emulated machines')
    parser.add_argument("--bus", choices=container.BUSES, default="daemon", help="which D-Bus broker the containers have")
    parser.add_argument("--mode", choices=machine.CGROUP_MODES, default="unified", help="cgroup mode of the machines")
    parser.add_argument("--apparmor", action="store_true", help="the machines have AppArmor's profile of the daemon in force")
    parser.add_argument("--kernel-argument", metavar="WORD", action="append", default=[], help="for the machines")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="guests at a time (2)")
    parser.add_argument("--limit", type=int, default=600, metavar="SECONDS", help="for each command (600)")
    parser.add_argument("--setenv", metavar="NAME=VALUE", action="append", default=[], help="for the commands")
    parser.add_argument("--bare", action="store_true", help="do not build and install the checkout into the guests")
    parser.add_argument("--project", type=Path, default=build.CHECKOUT, help=argparse.SUPPRESS)
    parser.add_argument("--program", metavar="FILE", action="append", default=[],
                        help=f"a program of this machine to put into /{stage.TESTS}, with its libraries")
    parser.add_argument("-c", dest="shell_commands", metavar="COMMAND", action="append", default=[],
                        help="a shell command; several run one after the other in the same boot")
    parser.add_argument("--commands", metavar="FILE", help="the same from a file, one command per line (- is stdin)")
    parser.add_argument("--keep-logs", metavar="DIR", type=Path, help="copy console, journal and output there")
    parser.add_argument("--shell", action="store_true", help="an interactive shell in one container guest")
    parser.add_argument("--prepare", action="store_true", help="only make what is cached: roots and archives")
    parser.add_argument("--list", action="store_true", help="what guests there are")
    parser.add_argument("command", nargs="*", help="the command and its arguments, after --")
    return parser.parse_args(argv)


def commands_of(options):
    commands = [options.command] if options.command else []
    commands += options.shell_commands
    if options.commands:
        text = sys.stdin.read() if options.commands == "-" else Path(options.commands).read_text()
        commands += [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return commands


def show_list():
    print(f"{'systemd':8} {'suite':22} {'guests':20} root")
    for recipe in roots.RECIPES.values():
        suite = recipe.suite + (" + backports" if recipe.backports else "")
        kinds = "container, machine" if recipe.kernel else "container"
        state = roots.systemd_version(recipe.path()) if recipe.path().is_dir() else "not made yet"
        print(f"{recipe.systemd:8} {suite:22} {kinds:20} {state}")
    print(f"controllers on this machine's cgroup2 tree: {' '.join(cgroups.available_controllers()) or 'none'}")


def shell(session, systemd, bus):
    directory = session.directory / f"container-{systemd}"
    directory.mkdir()
    guestfiles.write_commands(directory / "commands", [], 0, {})
    with container.Container(session, systemd, directory, bus) as guest:
        say(f"{guest.label}: a shell, as a unit of its PID 1; leave it with exit")
        # systemd-run makes the terminal and passes it in: nsenter alone would leave the shell in the host's cgroup.
        return subprocess.call([*guest.entering(), "systemd-run", "--quiet", "--pty", "--wait", "--collect",
                                "--setenv=TERM=" + os.environ.get("TERM", "dumb"), "--setenv=HOME=/root", "/bin/bash"])


def print_reports(reports):
    for report in reports:
        print(f"\n===== {report.name}: systemd {report.version}, {report.state or 'not up'}, "
              f"booted in {report.boot_seconds:.1f} s")
        for result in report.results:
            status = "did not end" if result.exit is None else f"exit status {result.exit}"
            print(f"--- {result.command}  [{status}, {result.seconds:.1f} s]")
            show(result.output or "(no output)")
        if report.error:
            print(f"--- {report.error}")
            if report.log:
                show(tail(report.log))


def main(argv):
    options = arguments(argv)
    if options.list:
        show_list()
        return 0
    stop_on_signals()
    try:
        guests = fleet.parse_versions(options.container, "container", options.bus)
        guests += [fleet.Guest("machine", guest.systemd, options.mode, tuple(options.kernel_argument),
                               confined=options.apparmor)
                   for guest in fleet.parse_versions(options.machine, "machine")]
        commands = commands_of(options)
        if not guests or not (commands or options.shell or options.prepare):
            raise CommandFailed("name at least one guest and a command (see --help)")
        if os.geteuid() != 0:
            raise CommandFailed("guests need root: mounts, namespaces and cgroups")
        if options.apparmor and options.bare:
            raise CommandFailed("--apparmor is for the profile of the checkout, which --bare leaves out")
        fleet.prepare(guests)
        if options.prepare:
            return 0
        product = None if options.bare else build.product(options.project).make()
        with Session() as session:
            stage.make(session, product, options.program, options.apparmor)
            if options.shell:
                return shell(session, guests[0].systemd, options.bus)
            reports = fleet.run(session, guests, commands, options.jobs, options.limit,
                                dict(word.split("=", 1) for word in options.setenv))
        print_reports(reports)
        if options.keep_logs:
            for report in reports:
                shutil.copytree(report.directory, options.keep_logs / report.directory.name, dirs_exist_ok=True)
        say(f"logs: {options.keep_logs or session.directory}")
        print(sum((report.tally() for report in reports), Tally()))
        return 0 if all(report.ok() for report in reports) else 1
    except Stopped:
        say("stopped; everything is cleaned up")
        return 130
    except CommandFailed as failure:
        say_why(f"FAILED: {failure}", failure.log)
        return 1
