#!/usr/bin/env python3
"""Read the closing lines of the test runners from their logs and print them with the sum.

    scripts/sum-results.py LOG…

Knows cargo test, cargo nextest, pytest and node --test. A log without any closing line, or one that reports failed or
skipped tests, makes the exit code 1: nothing may be lost silently.
"""

import pathlib
import re
import sys

# Closing lines of cargo test, nextest and node
CLOSINGS = [
    re.compile(r"^test result: \w+\. (?P<passed>\d+) passed; (?P<failed>\d+) failed; (?P<skipped>\d+) ignored"),
    re.compile(r"^\s*Summary \[.*?\] \d+ tests? run: (?P<passed>\d+) passed(?: \([^)]*\))?(?:, (?P<failed>\d+) failed(?: \([^)]*\))?)?(?:, (?P<timed_out>\d+) timed out)?(?:, (?P<skipped>\d+) skipped)?"),
    re.compile(r"^(?:# |ℹ )(?P<key>pass|fail|skipped|cancelled|todo) (?P<count>\d+)$"),
]
PYTEST = re.compile(r"^(?:=+ )?\d+ \w+(?:, \d+ \w+)* in [\d.]+s")
WORDS = {"passed": "passed", "xfailed": "skipped", "xpassed": "failed", "skipped": "skipped", "failed": "failed", "error": "failed", "errors": "failed"}
NODE = {"pass": "passed", "fail": "failed", "cancelled": "failed", "skipped": "skipped", "todo": "skipped"}


def read(path):
    """Counts of one log, or None where no runner closed it."""
    found = None
    text = re.sub(r"\x1b\[[0-9;]*m", "", path.read_text(errors="replace"))
    for line in text.splitlines():
        if PYTEST.match(line):
            found = found or {"passed": 0, "failed": 0, "skipped": 0}
            for count, word in re.findall(r"(\d+) (\w+)", line.split(" in ")[0]):
                if word in WORDS:
                    found[WORDS[word]] += int(count)
        for pattern in CLOSINGS:
            match = pattern.match(line)
            if not match:
                continue
            found = found or {"passed": 0, "failed": 0, "skipped": 0}
            groups = match.groupdict()
            if "key" in groups:
                found[NODE[groups["key"]]] += int(groups["count"])
            else:
                for key in ("passed", "failed", "skipped"):
                    found[key] += int(groups.get(key) or 0)
                found["failed"] += int(groups.get("timed_out") or 0)
            break
    return found


def main():
    total = {"passed": 0, "failed": 0, "skipped": 0}
    lost = False
    for path in map(pathlib.Path, sys.argv[1:]):
        counts = read(path)
        if counts is None:
            print(f"{path.stem:>12}: no result")
            lost = True
            continue
        print(f"{path.stem:>12}: {counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped")
        for key, count in counts.items():
            total[key] += count
    print(f"{total['passed']} passed, {total['failed']} failed, {total['skipped']} skipped")
    return 1 if lost or total["failed"] or total["skipped"] else 0


if __name__ == "__main__":
    sys.exit(main())
