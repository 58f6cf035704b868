#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The AppArmor profile compiles, names the program, and gives what the unit gives: the same capabilities."""
import re
import shutil
import subprocess
import sys
from pathlib import Path

PROFILE = Path(sys.argv[1])
UNIT = Path(__file__).resolve().parents[1] / 'units' / 'scopewright.service.in'


def report(passed, failed, skipped=0):
    print(f'{passed} passed, {failed} failed, {skipped} skipped')
    sys.exit(1 if failed else 77 if skipped else 0)


def capabilities_of_unit():
    line = re.search(r'^CapabilityBoundingSet=(.*)$', UNIT.read_text(), re.M)
    return {name.removeprefix('CAP_').lower() for name in line[1].split()}


def capabilities_of_profile():
    return set(re.findall(r'^\s*capability (\w+),$', PROFILE.read_text(), re.M))


failed = 0
if capabilities_of_unit() != capabilities_of_profile():
    print(f'the unit has {sorted(capabilities_of_unit())}, the profile {sorted(capabilities_of_profile())}')
    failed += 1
if not re.search(r'^profile scopewrightd /.*/scopewrightd \{$', PROFILE.read_text(), re.M):
    print('the profile is of no program')
    failed += 1
parser = shutil.which('apparmor_parser', path='/usr/sbin:/sbin:/usr/bin:/bin')
if not parser:
    print('skipped: there is no apparmor_parser here')
    report(2 - failed, failed, 1)
# Compiled and thrown away: neither the kernel nor a cache gets it.
done = subprocess.run([parser, '--skip-kernel-load', '--skip-cache', '--quiet', PROFILE], capture_output=True, text=True)
# A kernel without AppArmor has no cache, which is said even of one that is not asked for.
said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip() and 'Cache read/write' not in line]
if done.returncode != 0 or said:
    print(*said, sep='\n')
    failed += 1
report(3 - failed, failed)
