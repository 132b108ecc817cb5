#!/usr/bin/env bash
# Writes the certificates of the test kit (crates/router-testkit/src/tls): an authority that only tests trust, and below it one
# certificate that is right, one that has expired and one for another host; and one that signed itself. They are good for a hundred
# years; the keys are no secret.
set -euo pipefail
cd "$(dirname "$0")/../crates/router-testkit/src/tls"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1" 2>/dev/null; }

cat > "$work/ca.cnf" <<CNF
[ca]
default_ca = tests
[tests]
database = $work/index
serial = $work/serial
new_certs_dir = $work
default_md = sha256
policy = any
unique_subject = no
copy_extensions = copy
[any]
commonName = supplied
CNF
: > "$work/index"
echo 01 > "$work/serial"

key "$work/authority.key"
openssl req -x509 -new -key "$work/authority.key" -subj "/CN=Authority of tests" -days 36500 \
	-addext "basicConstraints=critical,CA:TRUE" -addext "keyUsage=critical,keyCertSign" -out authority.pem

# name, subject alternative name, from, to
signed() {
	key "$1.key"
	openssl req -new -key "$1.key" -subj "/CN=$1" -addext "subjectAltName=$2" -out "$work/$1.csr"
	openssl ca -batch -notext -config "$work/ca.cnf" -cert authority.pem -keyfile "$work/authority.key" \
		-in "$work/$1.csr" -startdate "$3" -enddate "$4" -out "$1.pem" 2>/dev/null
}
signed right IP:127.0.0.1 20260101000000Z 21260101000000Z
signed expired IP:127.0.0.1 20200101000000Z 20210101000000Z
signed elsewhere DNS:elsewhere.example 20260101000000Z 21260101000000Z

key own.key
openssl req -x509 -new -key own.key -subj "/CN=own" -addext "subjectAltName=IP:127.0.0.1" -days 36500 -out own.pem
chmod 644 ./*.key
