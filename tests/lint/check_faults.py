#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""docs/faults.md has each of the 64 faults once, with a test that carries its tag or a reason why there is none."""
from table import Table

Table('docs/faults.md', 'fault', 64).main()
