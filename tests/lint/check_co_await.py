#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The first rule of the coroutine fence: a statement with co_await holds no brace, no `?` and no lambda.

g++ 12 destroys such temporaries twice (docs/decisions/0001-coroutines-and-their-fence.md). The lint reads text that
clang-format has laid out, which settles what a `{` at the end of a line is: with a blank before it a block, else a
value. It is stricter than the compiler's bug, on purpose: name the value first, then await.
"""
import re

from lint import cpp_files, main

HARMLESS = r'\[\[.*?\]\]|\bauto(?: const)?[&]{0,2} \[[^]]*\](?= =)'  # attributes, structured bindings
FORBIDDEN = [(r'[{}]', 'a brace'), (r'\?', "'?'"), (r'(?:^|[\s(,=!&|])\[', 'a lambda')]


def blank(match):
    """Comments vanish, literals become empty ones; the lines stay where they are."""
    kept = '' if match[0].startswith('/') else match[0][0] * 2
    return kept + '\n' * match[0].count('\n')


def statements(text):
    """(line number, text) of everything that ends in `;` or opens a block."""
    text = re.sub(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', blank, text, flags=re.DOTALL)
    begin, parts = 1, []
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if line.startswith('#'):
            parts = []
            continue
        if not parts:
            begin, line = number, re.sub(r'^\} ', '', line)
        parts.append(line)
        if re.search(r'(;|\s\{|\}|:|^\{)$', line):
            whole, parts = re.sub(r'\s?\{$', '', ' '.join(parts)), []
            if short := re.fullmatch(r'([^\[{]*\)(?: const| noexcept| override)*) \{ (.*;) \}', whole):
                whole = short[2]  # a function whose body stands on its own line
            yield from ((begin, part.strip()) for part in whole.split(';'))


def check(path, text):
    for number, statement in statements(text):
        if re.search(r'\bco_await\b', statement):
            statement = re.sub(HARMLESS, '', statement)
            for pattern, name in FORBIDDEN:
                if re.search(pattern, statement):
                    yield number, f'a statement with co_await holds {name}: name the value in a statement before it'


if __name__ == '__main__':
    main(check, 'co_await.txt', cpp_files('src', 'tests'))
