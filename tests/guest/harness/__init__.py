# SPDX-License-Identifier: LGPL-2.1-or-later
"""Boots real systemd, in containers and in emulated machines, and runs the freshly built tree in it."""
