#!/bin/sh
# Install what the tests and benchmarks can use from Debian's packages. Nothing here is needed for `make run`.
set -eu
apt-get update
apt-get install --yes --no-install-recommends postgresql redis-server rabbitmq-server nginx-light wrk chromium
