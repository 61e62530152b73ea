#!/usr/bin/env bash
# Builds the service and runs it.
set -euo pipefail
cd "$(dirname "$0")"
mkdir -p bin
go build -o bin/exchange .
exec bin/exchange
