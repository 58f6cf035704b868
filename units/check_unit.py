#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Usage: check_unit.py UNIT... -- systemd understands every line, and a service's exposure score is at most 2.0."""
import re
import shutil
import subprocess
import sys

THRESHOLD = 20  # tenths


def report(passed, failed, skipped=0):
    print(f'{passed} passed, {failed} failed, {skipped} skipped')
    sys.exit(1 if failed else 77 if skipped and not passed else 0)


def run(*arguments):
    done = subprocess.run(['systemd-analyze', *arguments], capture_output=True, text=True, check=False,
                          env={'PATH': '/usr/bin:/bin', 'LC_ALL': 'C.UTF-8', 'SYSTEMD_PAGER': ''})
    return done.returncode, done.stdout + done.stderr


def misread(unit):
    """The lines of the unit that systemd drops; that its programs and pages are not installed yet is no matter."""
    return [line for line in run('verify', '--man=no', unit)[1].splitlines()
            if re.search(r'Unknown|Failed to parse|ignoring|not a valid', line) and unit.rsplit('/', 1)[-1] in line]


def exposure(unit):
    """(accepted, what systemd-analyze says at its end), or None where it cannot read a file offline (before v250)."""
    code, said = run('security', '--no-pager', '--offline=yes', f'--threshold={THRESHOLD}', unit)
    score = re.search(r'Overall exposure level.*: (\d+\.\d+)', said)
    return (code == 0, f'exposure {score[1]}') if score else None


if not shutil.which('systemd-analyze'):
    report(0, 0, 1)

passed, failed, skipped = 0, 0, 0
for unit in sys.argv[1:]:
    lines = misread(unit)
    print(*lines, sep='\n', end='\n' if lines else '')
    passed, failed = passed + (not lines), failed + bool(lines)
    if unit.endswith('.service'):
        if (verdict := exposure(unit)) is None:
            skipped += 1
            continue
        print(f'{unit}: {verdict[1]}, at most {THRESHOLD / 10} allowed')
        passed, failed = passed + verdict[0], failed + (not verdict[0])
report(passed, failed, skipped)
