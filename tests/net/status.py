#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""status.py PATH - prints one member of the JSON on standard input, e.g. nat.tcp.mappings

A number selects from an array, or the element whose "name" is the word.  `sum:PATH` adds
the numbers of an object.  A member that is not there prints 0.
"""

import json
import sys


def find(value, path):
    for word in path.split("."):
        if isinstance(value, dict):
            value = value.get(word)
        elif isinstance(value, list) and word.isdigit():
            value = value[int(word)] if int(word) < len(value) else None
        elif isinstance(value, list):
            value = next((item for item in value if item.get("name") == word), None)
        else:
            return None
    return value


path = sys.argv[1]
status = json.load(sys.stdin)
if path.startswith("sum:"):
    print(sum(find(status, path[4:]).values()))
else:
    found = find(status, path)
    print(0 if found is None else str(found).lower() if isinstance(found, bool) else found)
