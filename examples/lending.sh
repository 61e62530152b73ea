#!/usr/bin/env bash
# Walks the whole job against a running mesh: see `examples/lending.sh --help`.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
node=$root/node_modules/.bin/node

if [[ ! -x $node ]]; then
  echo "The dependencies are not installed. Next step: make install" >&2
  exit 1
fi

exec "$node" --conditions=source --disable-warning=ExperimentalWarning "$root/examples/lending.ts" "$@"
