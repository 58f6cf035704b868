#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""docs/faults.md has each of the 64 faults once, with a test that carries its tag or a reason why there is none; and
every tag that a test carries is of a row that names a test."""
import re

from lint import ROOT, cpp_files, report

DOCUMENT = 'docs/faults.md'
ROWS = range(1, 65)

CASE = re.compile(r'TEST_CASE\(\s*((?:"(?:[^"\\]|\\.)*"\s*)+)(?:,\s*((?:"[^"]*"\s*)+))?\)')
TAG = re.compile(r'\[fault-(\d+)\]')
ANY_TAG = re.compile(r'\[fault-[^\]]*\]')
LINE = re.compile(r'^\| (\d+) \| (.+?) \| (.+?) \| (.+?) \|$', re.M)
NAMED = re.compile(r'“([^”]+)”')


def text_of(literals):
    return ''.join(re.findall(r'"((?:[^"\\]|\\.)*)"', literals)).replace('\\"', '"')


def tagged(sources):
    """The names of the tests of each row."""
    tests = {}
    for source in sources:
        for name, tags in CASE.findall(source):
            for row in TAG.findall(text_of(tags)):
                tests.setdefault(int(row), set()).add(text_of(name))
    return tests


def complaints(document, sources, rows=ROWS):
    tests = tagged(sources)
    lines = LINE.findall(document)
    numbers = [int(line[0]) for line in lines]
    for row in rows:
        if numbers.count(row) != 1:
            yield f'{DOCUMENT}: row {row} stands there {numbers.count(row)} times'
    for row in sorted({*numbers, *tests} - set(rows)):
        yield f'there is no fault {row}'
    for line in lines:
        row, names = int(line[0]), NAMED.findall(line[3])
        if not names and not line[3].startswith('none: '):
            yield f'{DOCUMENT}: row {row} names no test and gives no reason ("none: …")'
        if not names and row in tests:
            yield f'{DOCUMENT}: row {row} names no test, but there is one: “{min(tests[row])}”'
        for name in names:
            if name not in tests.get(row, ()):
                yield f'{DOCUMENT}: row {row}: no test “{name}” carries [fault-{row}]'
    for source in sources:
        for tag in ANY_TAG.findall(source):
            if not TAG.fullmatch(tag):
                yield f'{tag} is no tag of a fault'


# The self-test: nothing to say of what fits, and one complaint for each thing that does not.
TEST = 'TEST_CASE("a "\n  "b", "[x][fault-1]") {'
GOOD = '| 1 | f | w | “a b” |\n| 2 | f | w | none: why |\n'
assert not list(complaints(GOOD, [TEST], (1, 2)))
assert len(list(complaints(GOOD, [TEST], (1, 2, 3)))) == 1
assert len(list(complaints(GOOD, [TEST], (1,)))) == 1
assert len(list(complaints(GOOD + '| 2 | f | w | none: why |\n', [TEST], (1, 2)))) == 1
assert len(list(complaints(GOOD.replace('“a b”', '“a c”'), [TEST], (1, 2)))) == 1
assert len(list(complaints(GOOD.replace('none: why', 'later'), [TEST], (1, 2)))) == 1
assert len(list(complaints(GOOD, [TEST.replace(']"', '][fault-2]"')], (1, 2)))) == 1
assert len(list(complaints(GOOD, [TEST, TEST.replace('fault-1', 'fault-7')], (1, 2)))) == 1
assert len(list(complaints(GOOD, [TEST, 'TEST_CASE("c", "[fault-x]")'], (1, 2)))) == 1

bad = list(complaints((ROOT / DOCUMENT).read_text(), [(ROOT / path).read_text() for path in cpp_files('tests')]))
print(*bad, sep='\n', end='\n' if bad else '')
report(len(ROWS) if not bad else 0, len(bad))
