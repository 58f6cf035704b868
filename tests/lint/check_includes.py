#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Precompiled headers hide that a file lacks an include: whoever builds without them, or reads, would find out."""
import functools
import re

from lint import ROOT, cpp_files, main

# Of each header in tests/precompiled/ what is taken from it. Sizes and integers come with all of them; what moves, pairs
# and compares comes with every container.
ALGORITHMS = ('all_of|any_of|none_of|find|find_if|count|count_if|sort|stable_sort|is_sorted|min|max|clamp|remove_if|reverse|'
              'replace|replace_if|copy|copy_if|equal|for_each|lower_bound|binary_search|adjacent_find|set_difference')
NAMES = {
    'algorithm': rf'(?:std::(?:ranges::)?(?:{ALGORITHMS})\s*\()',
    'array': r'std::(?:array\b|to_array)',
    'cerrno': r'\berrno\b',
    'charconv': r'std::(?:from_chars|to_chars|chars_format)\b',
    'chrono': r'std::chrono\b|\bstd::chrono_literals\b',
    'coroutine': r'std::(?:coroutine_handle|suspend_\w+|noop_coroutine)\b',
    'csignal': r'std::signal\b|\bSIG(?:KILL|TERM|CHLD|STOP|CONT|USR1|HUP|PIPE)\b',
    'cstdint': None,
    'cstdio': r'std::(?:f?printf|snprintf|sscanf|fputs|puts|fopen|fclose|fflush|fgets)\b',
    'cstdlib': r'std::(?:getenv|free|abort|exit|atexit|atoi|strto\w+|calloc)\b|::(?:setenv|unsetenv|mkdtemp)\b',
    'cstring': r'std::(?:str(?:len|cmp|error)|mem(?:set|cpy|cmp))\b',
    'exception': r'std::(?:exception|exception_ptr|current_exception|rethrow_exception|make_exception_ptr)\b',
    'filesystem': r'std::filesystem\b',
    'fstream': r'std::[io]?fstream\b',
    'functional': r'std::function\b',
    'map': r'std::(?:multi)?map\b',
    'memory': r'std::(?:unique_ptr|make_unique|shared_ptr|make_shared)\b',
    'optional': r'std::(?:optional|nullopt)\b',
    'set': r'std::set\b',
    'sstream': r'std::[io]?stringstream\b',
    'stdexcept': r'std::(?:runtime_error|out_of_range|logic_error)\b',
    'string': r'std::(?:string|to_string|sto\w+|getline)\b',
    'string_view': r'std::string_view\b',
    'system_error': r'std::(?:error_code|errc|generic_category)\b',
    'systemd/sd-bus.h': r'\bsd_bus_\w+\s*\(',
    'systemd/sd-event.h': r'\bsd_event_\w+\s*\(',
    'utility': None,
    'variant': r'std::(?:variant|visit|get_if|holds_alternative)\b',
    'vector': r'std::vector\b',
}
# Headers that the standard says bring another one, or that cannot do without it.
BRINGS = {
    'string': {'string_view', 'memory'}, 'sstream': {'string', 'string_view'}, 'fstream': {'string', 'string_view'},
    'filesystem': {'string', 'string_view', 'system_error', 'chrono'}, 'stdexcept': {'string', 'exception', 'string_view'},
    'system_error': {'string', 'stdexcept', 'exception'}, 'signal.h': {'csignal'}, 'errno.h': {'cerrno'},
    'charconv': {'system_error'}, 'regex': {'string', 'vector', 'string_view'}, 'thread': {'chrono', 'functional', 'memory'},
    'systemd/sd-bus.h': {'systemd/sd-event.h'}, 'sys/wait.h': {'csignal'}, 'iostream': {'string'},
    'catch2/catch.hpp': {'exception', 'memory', 'string', 'string_view', 'vector', 'chrono'},
    'spdlog/spdlog.h': {'memory', 'string', 'exception', 'chrono'},
    'nlohmann/json.hpp': {'map', 'memory', 'optional', 'string', 'string_view', 'vector', 'functional'},
}
FOLDERS = ('src', 'tests/unit', 'tests/fake', 'tests/integration', 'tests/fuzz')


def includes(text):
    return re.findall(r'^\s*#\s*include\s*([<"])([^>"]+)', text, re.M)


def resolve(path, name):
    for folder in (path.rsplit('/', 1)[0], *FOLDERS):
        if (ROOT / folder / name).is_file():
            return f'{folder}/{name}'
    return None


@functools.cache
def reached(path):
    return brought(path, (ROOT / path).read_text())


def brought(path, text):
    """The headers that a file gets by what it includes, directly or through our own headers."""
    found, todo = set(), []
    for quote, name in includes(text):
        if quote == '"':
            if own := resolve(path, name):
                found |= reached(own)
        else:
            todo.append(name)
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo += BRINGS.get(name, ())
    return found


def check(path, text):
    if path.startswith('tests/precompiled/'):
        yield from ((number, f'<{name}> is not in the table of this lint')
                    for number, line in enumerate(text.splitlines(), 1)
                    for quote, name in includes(line) if quote == '<' and not name.startswith('catch2/') and name not in NAMES)
        return
    have = brought(path, text)
    missing = {header: re.compile(names) for header, names in NAMES.items() if names and header not in have}
    for number, line in enumerate(text.splitlines(), 1):
        code = re.sub(r'"(?:[^"\\]|\\.)*"', '""', line).split('//')[0]
        for header, names in list(missing.items()):
            if names.search(code):
                del missing[header]  # once is enough
                yield number, f'this takes something from <{header}>, which neither this file nor what it includes has'


if __name__ == '__main__':
    main(check, 'includes.txt', cpp_files('src', 'tests'))
