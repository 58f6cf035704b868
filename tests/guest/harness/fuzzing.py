# SPDX-License-Identifier: LGPL-2.1-or-later
"""tests/fuzz/run: every fuzzer for a while, several at a time, then a table."""

import argparse
import concurrent.futures
import dataclasses
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

from . import build
from .console import say, say_why, show, step, tail
from .places import CHECKOUT, cache
from .process import CommandFailed, Stopped, run_logged, stop_on_signals
from .report import Tally

COMPILER = ("clang-14", "clang++-14")
FOLDER = CHECKOUT / "tests/fuzz"
CORPUS = FOLDER / "corpus"

# Targets whose words are another one's.
DICTIONARIES = {"cgroup_files": "unified", "marks": "records", "oci_json": "json", "stored": "json"}

# To weigh inputs by the rarity of what they reach costs more than to run one, if each reaches thousands of places.
OPTIONS = {"messages": ["-entropic=0"]}

LONGEST_INPUT = 4096
SLOWEST_INPUT = 60  # seconds; more is a finding
MOST_MEMORY = 2048  # MiB

ENVIRONMENT = {"ASAN_OPTIONS": "detect_leaks=1:detect_stack_use_after_return=1", "UBSAN_OPTIONS": "print_stacktrace=1"}


@dataclasses.dataclass
class Result:
    target: str
    seconds: float
    executions: int = 0
    inputs: int = 0
    finding: str = ""
    skipped: str = ""

    def tally(self):
        return Tally(skipped=1) if self.skipped else Tally(failed=1) if self.finding else Tally(passed=1)


def targets():
    return sorted(path.stem.removeprefix("fuzz_") for path in FOLDER.glob("fuzz_*.cpp"))


def why_not():
    """A reason why there can be no fuzzers here, or None."""
    if not shutil.which(COMPILER[1]):
        return f"{COMPILER[1]} is not installed (tests/setup installs it)"
    said = subprocess.run([COMPILER[1], "-print-resource-dir"], capture_output=True, text=True)
    if not any(Path(said.stdout.strip(), "lib").glob("*/libclang_rt.fuzzer*.a")):
        return "clang's fuzzer runtime is not installed (tests/setup installs it)"
    return None


def tree(optimization=1):
    """The tree of the second compiler, in which everything tells libFuzzer of its way and the sanitizers of faults. With
    some optimization it takes longer to compile and fuzzes faster."""
    return build.Build("fuzz" if optimization else "sanitizers",
                       ["--buildtype=debug", f"-Doptimization={optimization}", "--werror", "-Dfuzz=true",
                        "-Db_sanitize=address,undefined", "-Db_lundef=false"], COMPILER)


PROGRAM = "scopewright-fuzzer"


def directory(*parts):
    path = cache(*parts)
    path.mkdir(exist_ok=True)
    return path


def fuzz(made, target, seconds, learn):
    """Runs one fuzzer. Every input with which it fails is kept. With `learn` so is what it learns: a long run goes on
    where the last one ended, but a short one would do nothing but read that."""
    findings = directory("fuzz", "findings", target)
    # The first folder is the one that libFuzzer writes to.
    if not learn:
        shutil.rmtree(cache("fuzz", "forgotten", target), ignore_errors=True)
    learnt = directory("fuzz", "learnt" if learn else "forgotten", target)
    log = cache("logs", f"fuzz-{target}.log")
    log.unlink(missing_ok=True)
    argv = [made.directory / "tests/fuzz" / PROGRAM, f"--target={target}", f"-max_total_time={seconds}",
            f"-max_len={LONGEST_INPUT}", f"-timeout={SLOWEST_INPUT}", f"-rss_limit_mb={MOST_MEMORY}",
            "-print_final_stats=1", "-error_exitcode=1", "-timeout_exitcode=1", f"-artifact_prefix={findings}/",
            *OPTIONS.get(target, [])]
    dictionary = FOLDER / "dictionaries" / DICTIONARIES.get(target, target)
    if dictionary.exists():
        argv.append(f"-dict={dictionary}")
    begun = time.monotonic()
    # Every input of the corpus is run at the start, before the clock counts.
    limit = seconds + 10 * SLOWEST_INPUT
    status = run_logged([*argv, learnt, CORPUS / target], log, f"fuzz {target}", limit, check=False,
                        env={**os.environ, **ENVIRONMENT})
    return result_of(target, time.monotonic() - begun, status, log.read_text(errors="replace"), log)


def result_of(target, seconds, status, output, log):
    result = Result(target, seconds)
    if match := re.search(r"number_of_executed_units:\s+(\d+)", output):
        result.executions = int(match[1])
    if matches := re.findall(r"corp: (\d+)/", output):
        result.inputs = int(matches[-1])
    if status == 77:
        result.skipped = (re.findall(r"cannot run here: (.*)", output) or ["skipped"])[-1]
    elif status != 0:
        found = re.findall(r"^finding: (.*)|^SUMMARY: (.*)|^(==\d+==.*ERROR.*)|(Test unit written to .*)", output, re.M)
        lines = ["".join(groups)[:200] for groups in found] or [f"exit status {status}"]
        result.finding = lines[0]
        say(f"fuzz {target}: {lines[0]}")
        say(f"fuzz {target}: {lines[-1]}; the end of {log}:")
        show(tail(log, 60))
    elif result.executions == 0:
        result.finding = f"nothing was run: {log}"
    return result


def run(made, wanted, seconds, jobs, learn=False):
    """The results of all of these, in the order of their names."""
    with step(f"fuzz: {len(wanted)} targets, {seconds} s each, {jobs} at a time"):
        with concurrent.futures.ThreadPoolExecutor(max_workers=jobs) as pool:
            return list(pool.map(lambda target: fuzz(made, target, seconds, learn), wanted))


def parse(argv):
    parser = argparse.ArgumentParser(prog="tests/fuzz/run", description="Fuzz every target for a while.")
    parser.add_argument("--seconds", type=int, default=600, metavar="N", help="for each target (600)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="targets at a time (all CPUs)")
    parser.add_argument("--list", action="store_true", help="what targets there are")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="(all of them)")
    options = parser.parse_args(argv)
    if unknown := set(options.targets) - set(targets()):
        parser.error(f"there is no target {', '.join(sorted(unknown))}; --list tells which there are")
    return options


def main(argv):
    options = parse(argv)
    if options.list:
        print("\n".join(targets()))
        return 0
    if reason := why_not():
        print(f"skipped: {reason}")
        return 77
    stop_on_signals()
    wanted = options.targets or targets()
    try:
        results = run(tree().make([PROGRAM]), wanted, options.seconds, options.jobs, learn=True)
    except CommandFailed as failure:
        say_why(str(failure), failure.log)
        return 1
    except Stopped:
        say("stopped")
        return 130
    width = max(len(result.target) for result in results)
    print(f"\n{'target':{width}}  seconds   executions  inputs  finding")
    for result in results:
        print(f"{result.target:{width}}  {result.seconds:7.0f}  {result.executions:11}  {result.inputs:6}  "
              f"{result.skipped or result.finding}")
    total = sum((result.tally() for result in results), Tally())
    if total.failed:
        print(f"\nThe inputs are below {cache('fuzz', 'findings')}")
    print(f"\n{total}")
    return 1 if total.failed else 0
