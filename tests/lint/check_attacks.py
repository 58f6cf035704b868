#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""docs/attacks.md has each of the 67 attacks once, with a test that carries its tag or a reason why there is none."""
from table import Table

Table('docs/attacks.md', 'attack', 67).main()
