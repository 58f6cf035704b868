#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A file of more than 400 lines is two files; a header of more than 150 is two headers."""
from lint import ROOT, cpp_files, report


def limit(path):
    return 150 if path.endswith('.h') else 400


def too_long(path, text):
    return text.count('\n') > limit(path)


# The self-test: one line at most, and one too many.
assert not too_long('a.h', 'x\n' * 150) and too_long('a.h', 'x\n' * 151)
assert not too_long('a.cpp', 'x\n' * 400) and too_long('a.cpp', 'x\n' * 401)

paths = cpp_files('src')
bad = [path for path in paths if too_long(path, (ROOT / path).read_text())]
for path in bad:
    print(f'{path}: more than {limit(path)} lines: split it')
report(len(paths) - len(bad) + 1, len(bad))
