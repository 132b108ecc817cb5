#!/usr/bin/env bash
# setup-test-env.sh [postgres] [python] [node] [nginx]: bring in what the tests need and the machine lacks.
#
# Debian's packages for servers; a virtual environment and node_modules with pinned versions for the SDKs. Does nothing
# that is done already. What it cannot get is an error, never a skipped test.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() {
  echo "setup: $*" >&2
  exit 1
}

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; elif command -v sudo >/dev/null; then sudo -n "$@"; else return 1; fi
}

apt_updated=no
apt_install() {
  command -v apt-get >/dev/null || fail "$1 is missing and this is no Debian or Ubuntu: please install it"
  export DEBIAN_FRONTEND=noninteractive
  if [ $apt_updated = no ]; then
    as_root apt-get update -qq || fail "apt-get update failed (needs root or sudo): please install $1"
    apt_updated=yes
  fi
  as_root apt-get install -y -qq --no-install-recommends "$@" >/dev/null || fail "apt-get install $* failed"
}

setup_postgres() {
  if ! scripts/postgres-bin.sh >/dev/null; then
    echo "setup: installing PostgreSQL"
    apt_install postgresql
  fi
  scripts/postgres-bin.sh >/dev/null || fail "no initdb and pg_ctl found, even after installing PostgreSQL"
}

setup_nginx() {
  command -v nginx >/dev/null || [ -x /usr/sbin/nginx ] || { echo "setup: installing nginx"; apt_install nginx-light; }
  PATH=$PATH:/usr/sbin nginx -v 2>/dev/null || fail "nginx does not run"
}

setup_python() {
  command -v python3 >/dev/null || apt_install python3
  local venv=tests/sdk/python/.venv lock=tests/sdk/python/requirements.txt
  if ! cmp -s "$lock" "$venv/.installed"; then
    echo "setup: Python packages for the SDK tests"
    rm -rf "$venv"
    python3 -m venv "$venv" 2>/dev/null || { apt_install python3-venv && rm -rf "$venv" && python3 -m venv "$venv"; } \
      || fail "python3 -m venv does not work"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$lock" \
      || fail "pip could not install $lock"
    cp "$lock" "$venv/.installed"
  fi
}

setup_node() {
  command -v node >/dev/null || fail "Node 20 or newer is missing: see README.md"
  node -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 20 ? 0 : 1)' \
    || fail "Node $(node --version) is too old: 20 or newer is needed"
  local folder=tests/sdk/js
  if ! cmp -s $folder/package-lock.json $folder/node_modules/.installed; then
    echo "setup: Node packages for the SDK tests"
    (cd $folder && npm ci --silent --no-audit --no-fund) || fail "npm ci failed in $folder"
    cp $folder/package-lock.json $folder/node_modules/.installed
  fi
}

for component in "$@"; do
  case $component in
    postgres | python | node | nginx) "setup_$component" ;;
    *) fail "unknown component $component" ;;
  esac
done
