# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the lints share: which files there are, a self-test, and the way they report.

A lint is a function `check(path, text)` that yields (line number, complaint). Before it looks at the tree it must
find exactly the marked lines of its sample, so that it cannot rot into a lint that is always content. In a sample
`=== path` begins a pretended file; of every other line the first column is `!` where a complaint is due, the second
is empty, and `·` stands for a blank.
"""
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def files(*folders):
    """All files of the tree below `folders`, as paths relative to the root; build directories are not the tree."""
    for folder in folders or ('.',):
        for where, folders_here, names in os.walk(ROOT / folder):
            folders_here[:] = sorted(f for f in folders_here
                                     if f not in ('.git', '__pycache__', '.cache')
                                     and not (Path(where, f) / 'meson-private').exists())
            for name in sorted(set(names) - {'.git'}):  # a file in a worktree
                yield os.path.relpath(os.path.join(where, name), ROOT)


def cpp_files(*folders):
    return [path for path in files(*folders) if path.endswith(('.h', '.cpp'))]


def sample_errors(check, name):
    """What the lint missed or imagined in its sample."""
    path, wanted, text, errors = '', set(), [], []

    def compare():
        found = {number for number, _ in check(path, ''.join(text))} if text else set()
        errors.extend(f'{name}: {path}:{n}: ' + ('missed' if n in wanted else 'complained for no reason')
                      for n in sorted(wanted ^ found))

    for line in [*(Path(__file__).parent / 'samples' / name).read_text().splitlines(), '=== end']:
        if line.startswith('=== '):
            compare()
            path, wanted, text = line[4:], set(), []
        else:
            text.append(line[2:].replace('·', ' ') + '\n')
            if line.startswith('!'):
                wanted.add(len(text))
    return errors


def report(passed, failed, skipped=0):
    print(f'{passed} passed, {failed} failed, {skipped} skipped')
    sys.exit(1 if failed else 77 if skipped else 0)


def main(check, sample, paths):
    errors = sample_errors(check, sample)
    passed, failed = int(not errors), int(bool(errors))
    for path in paths:
        try:
            text = (ROOT / path).read_text()
        except (UnicodeDecodeError, FileNotFoundError):
            continue
        complaints = [f'{path}:{number}: {what}' for number, what in check(path, text)]
        errors += complaints
        passed, failed = passed + (not complaints), failed + bool(complaints)
    print(*errors, sep='\n', end='\n' if errors else '')
    report(passed, failed)
