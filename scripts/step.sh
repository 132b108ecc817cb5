#!/usr/bin/env bash
# step.sh NAME COMMAND…: run a command, say how long it took, keep its exit code.
set -uo pipefail
name=$1
shift
echo "==> $name"
start=$(date +%s)
"$@"
code=$?
echo "==> $name: $([ $code = 0 ] && echo done || echo "FAILED (exit $code)") after $(($(date +%s) - start)) s"
exit $code
