#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""docs/comparison.md lists exactly the differences that the guest test [peers] expects, and explains each reason."""
import re

from lint import ROOT, report

TABLE = 'tests/integration/guest/peers_differences.cpp'
DOCUMENT = 'docs/comparison.md'

TEXT = r'"([^"]*)"'
ROW = re.compile(r'\{' + r',\s*'.join([TEXT, TEXT, r'(\w+)', TEXT, TEXT, TEXT, TEXT]) + r'\}')
LINE = re.compile(r'^\| (\w+) \| (\w+) \| (\w+) \| `(.*)` \| `(.*)` \| `(.*)` \| \[(.*)\]\(#(.*)\) \|$', re.M)
HEADING = re.compile(r'^### (\S+)$', re.M)


def rows_of_table(text):
    return [(*row[:2], row[2].lower(), *row[3:]) for row in ROW.findall(text)]


def complaints(table, document):
    rows, lines, headings = rows_of_table(table), LINE.findall(document), HEADING.findall(document)
    for line in lines:
        if line[6] != line[7]:
            yield f'{DOCUMENT}: [{line[6]}] leads to #{line[7]}'
    listed = [line[:7] for line in lines]
    for row in sorted(set(rows) - set(listed)):
        yield f'{DOCUMENT}: not listed: {row}'
    for row in sorted(set(listed) - set(rows)):
        yield f'{DOCUMENT}: listed, but the test does not expect it: {row}'
    for row in sorted({row for row in rows if rows.count(row) > 1} | {row for row in listed if listed.count(row) > 1}):
        yield f'{TABLE}, {DOCUMENT}: twice: {row}'
    reasons = {row[6] for row in rows}
    for reason in sorted(reasons - set(headings)):
        yield f'{DOCUMENT}: no heading for the reason {reason}'
    for heading in sorted(set(headings) - reasons):
        yield f'{DOCUMENT}: no difference has the reason {heading}'
    if not rows:
        yield f'{TABLE}: no rows'


# The self-test: nothing to say of what fits, and one complaint for each thing that does not.
GOOD = '{"runc", "any", Always, "cpu.max",\n "a b", "c", "why"}', '| runc | any | always | `cpu.max` | `a b` | `c` | [why](#why) |\n### why\n'
assert not list(complaints(*GOOD))
assert len(list(complaints(GOOD[0], GOOD[1] + '### else\n'))) == 1
assert len(list(complaints(GOOD[0], '### why\n'))) == 1
assert len(list(complaints(GOOD[0], GOOD[1].replace('### why', '')))) == 1
assert len(list(complaints(GOOD[0], GOOD[1].replace('`c`', '`d`')))) == 2
assert len(list(complaints(GOOD[0], GOOD[1].replace('#why)', '#how)')))) == 1
assert len(list(complaints(GOOD[0] * 2, GOOD[1]))) == 1
assert len(list(complaints('', ''))) == 1

table = (ROOT / TABLE).read_text()
bad = list(complaints(table, (ROOT / DOCUMENT).read_text()))
print(*bad, sep='\n', end='\n' if bad else '')
report(len(rows_of_table(table)) if not bad else 0, len(bad))
