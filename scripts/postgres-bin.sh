#!/usr/bin/env bash
# Print the folder that holds initdb and pg_ctl, newest version first; exit 1 where there is none.
set -euo pipefail
for folder in $(ls -d /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /opt/homebrew/opt/postgresql*/bin 2>/dev/null | sort -rV) \
  "$(dirname "$(readlink -f "$(command -v initdb 2>/dev/null || true)" 2>/dev/null || true)" 2>/dev/null || true)"; do
  if [ -x "$folder/initdb" ] && [ -x "$folder/pg_ctl" ] && [ -x "$folder/postgres" ]; then
    echo "$folder"
    exit 0
  fi
done
exit 1
