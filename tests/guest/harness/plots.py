# SPDX-License-Identifier: LGPL-2.1-or-later
"""The plots of docs/performance.md, from what tests/bench measured."""

import io

LICENCE = "<!-- SPDX-License-Identifier: LGPL-2.1-or-later -->"


def _series(figures, section, what):
    """Points (at, value) of all rows of a section whose name begins or ends with a text, in order."""
    rows = [row for row in figures["rows"] if row["section"] == section and what(row["what"])]
    return [row["at"] for row in rows], [row["value"] for row in rows]


def _save(figure, path):
    # Without a date in it the same figures make the same file.
    figure.tight_layout()
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None})
    first, *others = [line.rstrip() for line in text.getvalue().splitlines()]
    path.write_text("\n".join([first, LICENCE, *others]) + "\n")


def _throughput(plt, figures, path):
    figure, axes = plt.subplots(figsize=(6, 4))
    for who in ("bare, system bus", "bare, PID 1's socket", "scopewright"):
        at, value = _series(figures, "concurrency", lambda what, who=who: what.endswith(": " + who))
        axes.plot(at, value, marker="o", label=who)
    axes.set(xscale="log", xlabel="starts at once", ylabel="sandboxes per second", ylim=(0, None),
             title=f"Starts, systemd {figures['systemd']}")
    axes.set_xticks(at, [f"{number:g}" for number in at])
    axes.legend()
    _save(figure, path)


def _latency(plt, figures, path):
    figure, axes = plt.subplots(figsize=(6, 5))
    names = ("bare, system bus", "bare, PID 1's socket", "libcontainer", "scopewright")
    groups = (("start", "", "start"), ("stop", ", 3 ms old", "stop\n3 ms old"), ("stop", ", 60 ms old", "stop\n60 ms old"))
    for number, (section, age, _) in enumerate(groups):
        rows = {row["what"]: row for row in figures["rows"] if row["section"] == section}
        for place, name in enumerate(names):
            if name + age in rows:
                axes.barh(5 * number + place, rows[name + age]["value"] / 1000, color=f"C{place}",
                          label=name if section == "start" else None)
    axes.set_yticks([5 * number + 1.5 for number in range(len(groups))], [label for _, _, label in groups])
    axes.invert_yaxis()
    axes.set(xlabel="ms, median", title=f"One client, systemd {figures['systemd']}")
    axes.legend()
    _save(figure, path)


def _scale(plt, figures, path):
    figure, axes = plt.subplots(figsize=(6, 4))
    for what in ("start, bare", "start, scopewright", "stop, bare", "stop, scopewright", "GetSandbox", "properties of one"):
        at, value = _series(figures, "scale", lambda name, what=what: name.startswith(what + ","))
        axes.plot(at, [microseconds / 1000 for microseconds in value], marker="o", label=what)
    axes.set(xscale="log", yscale="log", xlabel="sandboxes present", ylabel="ms, median",
             title=f"Cost by number of sandboxes, systemd {figures['systemd']}")
    axes.legend()
    _save(figure, path)


def _memory(plt, figures, path):
    figure, axes = plt.subplots(figsize=(6, 4))
    at, value = _series(figures, "memory", lambda _: True)
    axes.plot(at, [kibibytes / 1024 for kibibytes in value], marker="o")
    axes.set(xlabel="sandboxes of two groups each", ylabel="resident MiB", ylim=(0, None), title="The daemon's memory")
    _save(figure, path)


def draw(results, directory):
    """One file for each plot and guest that has figures for it."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "scopewright"
    import matplotlib.pyplot as plt

    for figures in results:
        sections = {row["section"] for row in figures["rows"]}
        for section, plot in (("concurrency", _throughput), ("start", _latency), ("scale", _scale), ("memory", _memory)):
            if section in sections:
                plot(plt, figures, directory / f"{section}-{figures['guest'].replace(' ', '-')}.svg")
    plt.close("all")
