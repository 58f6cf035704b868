#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Folders are layers: an include may only point down, and each heavy library has one place that knows it."""
import re

from lint import cpp_files, main

# Each layer and everything it may see. limits, cgroup, config, state and systemd are siblings: sandbox composes them.
PLAIN = {'base'}
BUS = {'async', 'base'}
SYSTEMD = {'bus'} | BUS
SANDBOX = {'systemd', 'limits', 'cgroup', 'config', 'state'} | SYSTEMD
API = {'auth', 'sandbox'} | SANDBOX
DAEMON = {'api'} | API
BELOW = {
    'base': set(), 'async': PLAIN, 'bus': BUS, 'systemd': SYSTEMD,
    'auth': {'bus'} | BUS, 'limits': PLAIN, 'cgroup': PLAIN, 'config': PLAIN, 'state': PLAIN,
    'sandbox': SANDBOX, 'api': API, 'daemon': DAEMON, 'main': {'daemon'} | DAEMON,
    'ctl': SYSTEMD,
}

# Headers that cost seconds to compile, or that would drag the bus into code that has none.
PRIVATE = [
    (r'spdlog/|fmt/', r'src/base/log\.cpp'),
    (r'toml\+\+/|toml\.hpp', r'src/config/config\.cpp'),
    (r'nlohmann/', r'src/limits/oci_json\.cpp|src/api/describe\.cpp'),
    (r'systemd/sd-(bus|event)', r'src/((bus|systemd|auth|api)/.*|daemon\.(h|cpp))'),
]


def layer(path):
    """The folder, or for a file beside the folders its own name."""
    return path.split('/')[0] if '/' in path else path.rsplit('.', 1)[0]


def check(path, text):
    here = layer(path.removeprefix('src/'))
    if here not in BELOW:
        yield 1, f"the layer '{here}' is not in the table of this lint: give it a place"
        return
    for number, line in enumerate(text.splitlines(), 1):
        if not (found := re.match(r'\s*#\s*include\s*([<"])([^>"]+)', line)):
            continue
        quote, header = found.groups()
        for pattern, owner in PRIVATE:
            if re.match(pattern, header) and not re.fullmatch(owner, path):
                yield number, f"<{header}> belongs to {owner} alone"
        # A quoted name without folder that is no layer is a generated header.
        to = layer(header)
        if quote == '"' and ('/' in header or to in ('daemon', 'main')) and to != here and to not in BELOW[here]:
            yield number, f"'{here}' may not include '{header}': the layers below it are {sorted(BELOW[here])}"


if __name__ == '__main__':
    main(check, 'layers.txt', cpp_files('src'))
