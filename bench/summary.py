#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""summary.py FILE - the table of bench/run, from its lines "who measure value unit"

Each cell is the median of the runs with the least and the greatest beside it.
"""

import datetime
import os
import platform
import statistics
import subprocess
import sys

GATEWAYS = ["culvert", "wireguard-go", "culvert-both"]


def machine():
    """What the figures were measured on."""
    models = [line.split(":")[1].strip() for line in open("/proc/cpuinfo", encoding="ascii")
              if line.startswith("model name")]
    git = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True,
                         check=False, cwd=os.path.dirname(os.path.abspath(__file__)))
    return [f"machine   {models[0] if models else platform.machine()}, {os.cpu_count()} processors",
            f"kernel    {platform.system()} {platform.release()}",
            f"date      {datetime.date.today()}",
            f"commit    {git.stdout.strip() or 'unknown'}",
            f"load      {os.getloadavg()[1]:.1f} in the last five minutes, this benchmark included"]


def read(path):
    """Returns {(measure, unit): {gateway: [value]}}, in order of first appearance."""
    table = {}
    for line in open(path, encoding="ascii"):
        words = line.split()
        if len(words) == 4 and words[0] in GATEWAYS:
            row = table.setdefault((words[1], words[3]), {})
            row.setdefault(words[0], []).append(float(words[2]))
    return table


def cell(values):
    if not values:
        return "-"
    return f"{statistics.median(values):.3g} ({min(values):.3g}-{max(values):.3g})"


def ratio(ours, theirs):
    if not ours or not theirs or statistics.median(theirs) == 0:
        return "-"
    return f"{statistics.median(ours) / statistics.median(theirs):.2f}"


def main():
    print("\n".join(machine()) + "\n")
    ours, theirs, both = GATEWAYS
    print(f"{'measure':30} {'unit':7} {theirs:>22} {ours:>22} {'ratio':>6} {both:>22} {'ratio':>6}")
    for (measure, unit), row in read(sys.argv[1]).items():
        ours, theirs, both = (row.get(gateway, []) for gateway in GATEWAYS)
        print(f"{measure:30} {unit:7} {cell(theirs):>22} {cell(ours):>22} {ratio(ours, theirs):>6} "
              f"{cell(both):>22} {ratio(both, theirs):>6}")


if __name__ == "__main__":
    main()
