#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The code is what clang-format 14 makes of it. Other versions lay things out differently, so they are no judge."""
import re
import shutil
import subprocess

from lint import ROOT, cpp_files, report

WANTED = '14'


def find():
    for name in (f'clang-format-{WANTED}', 'clang-format'):
        if tool := shutil.which(name):
            said = subprocess.run([tool, '--version'], capture_output=True, text=True, check=False).stdout
            if (version := re.search(r'version (\d+)', said)) and version[1] == WANTED:
                return tool
    return None


tool = find()
if tool is None:
    print(f'no clang-format of version {WANTED} here')
    report(0, 0, 1)

# The self-test: a badly laid out sample must not pass.
sample = (ROOT / 'tests/lint/samples/format.txt').read_text()
judge = [tool, '--dry-run', '-Werror']
assert subprocess.run([*judge, '--assume-filename=src/a.cpp'], input=sample, cwd=ROOT, text=True, check=False,
                      stderr=subprocess.DEVNULL).returncode, 'clang-format accepted the bad sample'

failed = 0
paths = cpp_files('src', 'tests')
for path in paths:
    failed += subprocess.run([*judge, path], cwd=ROOT, check=False).returncode != 0
if failed:
    print(f'to mend: {tool} -i FILE')
report(len(paths) - failed + 1, failed)
