# SPDX-License-Identifier: LGPL-2.1-or-later
"""A table of numbered rows in a document, and tests that carry the rows' numbers as tags: each row is there once, with
a test that carries its tag or a reason why there is none; and every tag that a test carries is of a row that names a
test."""
import re

from lint import ROOT, cpp_files, report

CASE = re.compile(r'TEST_CASE\(\s*((?:"(?:[^"\\]|\\.)*"\s*)+)(?:,\s*((?:"[^"]*"\s*)+))?\)')
LINE = re.compile(r'^\| (\d+) \| (.+?) \| (.+?) \| (.+?) \|$', re.M)
NAMED = re.compile(r'“([^”]+)”')


def text_of(literals):
    return ''.join(re.findall(r'"((?:[^"\\]|\\.)*)"', literals)).replace('\\"', '"')


class Table:
    def __init__(self, document, word, count):
        self.document, self.word, self.rows = document, word, range(1, count + 1)
        self.tag = re.compile(r'\[' + word + r'-(\d+)\]')
        self.any_tag = re.compile(r'\[' + word + r'-[^\]]*\]')

    def tagged(self, sources):
        """The names of the tests of each row."""
        tests = {}
        for source in sources:
            for name, tags in CASE.findall(source):
                for row in self.tag.findall(text_of(tags)):
                    tests.setdefault(int(row), set()).add(text_of(name))
        return tests

    def complaints(self, text, sources, rows):
        tests = self.tagged(sources)
        lines = LINE.findall(text)
        numbers = [int(line[0]) for line in lines]
        for row in rows:
            if numbers.count(row) != 1:
                yield f'{self.document}: row {row} stands there {numbers.count(row)} times'
        for row in sorted({*numbers, *tests} - set(rows)):
            yield f'there is no {self.word} {row}'
        for line in lines:
            row, names = int(line[0]), NAMED.findall(line[3])
            if not names and not line[3].startswith('none: '):
                yield f'{self.document}: row {row} names no test and gives no reason ("none: …")'
            if not names and row in tests:
                yield f'{self.document}: row {row} names no test, but there is one: “{min(tests[row])}”'
            for name in names:
                if name not in tests.get(row, ()):
                    yield f'{self.document}: row {row}: no test “{name}” carries [{self.word}-{row}]'
        for source in sources:
            for tag in self.any_tag.findall(source):
                if not self.tag.fullmatch(tag):
                    yield f'{tag} is no tag of a {self.word}'

    def check_itself(self):
        """Nothing to say of what fits, and one complaint for each thing that does not."""
        test = f'TEST_CASE("a "\n  "b", "[x][{self.word}-1]") {{'
        good = '| 1 | f | w | “a b” |\n| 2 | f | w | none: why |\n'

        def count(text, sources, rows=(1, 2)):
            return len(list(self.complaints(text, sources, rows)))

        assert count(good, [test]) == 0
        assert count(good, [test], (1, 2, 3)) == 1
        assert count(good, [test], (1,)) == 1
        assert count(good + '| 2 | f | w | none: why |\n', [test]) == 1
        assert count(good.replace('“a b”', '“a c”'), [test]) == 1
        assert count(good.replace('none: why', 'later'), [test]) == 1
        assert count(good, [test.replace(']"', f'][{self.word}-2]"')]) == 1
        assert count(good, [test, test.replace(f'{self.word}-1', f'{self.word}-7')]) == 1
        assert count(good, [test, f'TEST_CASE("c", "[{self.word}-x]")']) == 1

    def main(self):
        self.check_itself()
        sources = [(ROOT / path).read_text() for path in cpp_files('tests')]
        bad = list(self.complaints((ROOT / self.document).read_text(), sources, self.rows))
        print(*bad, sep='\n', end='\n' if bad else '')
        report(len(self.rows) if not bad else 0, len(bad))
