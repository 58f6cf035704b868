#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What depends on systemd's version stands in one table, which limits::plan reads: no other code asks for a version."""
import re

from lint import cpp_files, main

ALLOWED = r'src/limits/.*|src/systemd/version\.(h|cpp)'
RELATION = r' (?:<|<=|>|>=|==|!=) '  # clang-format puts blanks around operators, never around template brackets
NAME = r'[\w.:>()-]*version\w*(?:\(\))?'
PATTERNS = [
    NAME + RELATION + r'2\d\d\b',  # version_ < 253
    r'\b2\d\d' + RELATION + NAME,  # 253 <= systemd.version()
    r'(?:systemd|manager|pid1)' + NAME + RELATION + r'\w',  # systemdVersion >= kPidFds
    r'\bsince\w*' + RELATION + r'|' + RELATION + r'[\w.:>-]*\bsince\b',  # rule.since <= have
]


def check(path, text):
    if re.fullmatch(ALLOWED, path):
        return
    for number, line in enumerate(text.splitlines(), 1):
        if any(re.search(pattern, line.split('//')[0], re.IGNORECASE) for pattern in PATTERNS):
            yield number, "a check of systemd's version: make it a row of the table in src/limits"


if __name__ == '__main__':
    main(check, 'versions.txt', cpp_files('src'))
