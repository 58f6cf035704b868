#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every file: its licence, no blanks at the end of lines, and nothing that is only true on one machine."""
import re

from lint import files, main

NO_LICENCE = ('.md', '.json', '.txt', '.patch', 'etc/hostname')  # prose, or no comments possible
WHITESPACE_IS_FREE = ('.patch',)
LOCAL = [
    (r'(?<![\w.}\])>-])/(?:work|root|home|build|mnt|srv)/[\w.]', 'a path of one machine'),
    (r'https?://(?:[^\s/@]*@|\d+\.\d+\.\d+\.\d+\b|[^\s/]+:\d+\b)', 'an address of one network'),
    (r'https?://[\w.]*\b(?:deb\.debian|pypi|pythonhosted|npmjs|proxy\.golang|crates|docker|ghcr|quay)\.\w+',
     'a package registry'),
]


def check(path, text):
    if path == 'LICENSE':
        return
    if not path.endswith(NO_LICENCE) and 'SPDX-License-Identifier: LGPL-2.1-or-later' not in text[:400]:
        yield 1, "no 'SPDX-License-Identifier: LGPL-2.1-or-later' at the top"
    if text and not text.endswith('\n'):
        yield text.count('\n') + 1, 'no newline at the end of the file'
    for number, line in enumerate(text.split('\n'), 1):
        if line != line.rstrip() and not path.endswith(WHITESPACE_IS_FREE):
            yield number, 'blanks at the end of the line'
        for pattern, what in LOCAL:
            if re.search(pattern, line):
                yield number, what


if __name__ == '__main__':
    main(check, 'text.txt', (path for path in files() if not re.match(r'tests/(lint/samples|fuzz/corpus)/', path)
                              and not path.endswith('lint/check_text.py')))
