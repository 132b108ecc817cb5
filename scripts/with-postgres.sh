#!/usr/bin/env bash
# with-postgres.sh COMMAND…: run a command with a throw-away PostgreSQL of its own.
#
# The server has a port and a folder of its own and is gone afterwards; nothing is synced to disk. The command finds its
# address in SMART_AI_ROUTER_TEST_PG. Where that is set already, the given server is used and nothing is started.
set -euo pipefail

if [ -n "${SMART_AI_ROUTER_TEST_PG:-}" ]; then
  exec "$@"
fi

here=$(cd "$(dirname "$0")" && pwd)
bin=$("$here/postgres-bin.sh") || {
  echo "with-postgres: PostgreSQL is not installed: run scripts/setup-test-env.sh postgres" >&2
  exit 1
}

# The server refuses to run as root.
owner=$(id -un)
if [ "$(id -u)" = 0 ]; then
  owner=postgres
  id "$owner" >/dev/null 2>&1 || owner=nobody
fi
as_owner() {
  if [ "$owner" = "$(id -un)" ]; then "$@"; else runuser -u "$owner" -- env HOME="$folder" "$@"; fi
}

folder=$(mktemp -d "${TMPDIR:-/tmp}/router-postgres.XXXXXX")
chown "$owner" "$folder"
chmod 700 "$folder"
stop() {
  as_owner "$bin/pg_ctl" --pgdata="$folder/data" --mode=immediate --silent stop >/dev/null 2>&1 || true
  rm -rf "$folder"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

cd /
as_owner "$bin/initdb" --pgdata="$folder/data" --username=postgres --auth=trust --encoding=UTF8 --no-locale --no-sync \
  >"$folder/initdb.log" 2>&1 || { cat "$folder/initdb.log" >&2; exit 1; }

started=no
for _ in 1 2 3 4 5; do
  port=$((20000 + RANDOM % 20000))
  if as_owner "$bin/pg_ctl" --pgdata="$folder/data" --log="$folder/server.log" --wait --silent --timeout=60 \
    --options="-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories=$folder -c fsync=off \
      -c synchronous_commit=off -c full_page_writes=off -c max_connections=300" start >/dev/null 2>&1; then
    started=yes
    break
  fi
done
[ $started = yes ] || { cat "$folder/server.log" >&2; exit 1; }
cd "$here/.."

export SMART_AI_ROUTER_TEST_PG="postgres://postgres@127.0.0.1:$port/postgres"
code=0
"$@" || code=$?
exit $code
