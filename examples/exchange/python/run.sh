#!/usr/bin/env bash
# Installs what the service needs into .venv, generates Python from the contracts into contracts/, and runs it.
set -euo pipefail
cd "$(dirname "$0")"
root=$(cd ../../.. && pwd)

if [ requirements.txt -nt .venv/installed ]; then
  python3 -m venv .venv
  .venv/bin/pip install --quiet --disable-pip-version-check -r requirements.txt
  touch .venv/installed
fi

if [ ! -d "$root/.heddle/third-party" ]; then
  "$root/node_modules/.bin/node" "$root/tools/third-party-protos.ts"
fi
rm -rf contracts
mkdir contracts
# google.api and google.rpc come from googleapis-common-protos.
.venv/bin/python -m grpc_tools.protoc \
  -I ../proto -I "$root/proto" -I "$root/.heddle/third-party" --python_out=contracts --grpc_python_out=contracts \
  exchange/v1/exchange_service.proto common/v1/money.proto buf/validate/validate.proto \
  heddle/options/v1/options.proto heddle/registry/v1/instance.proto heddle/registry/v1/registry_service.proto

PYTHONPATH=contracts exec .venv/bin/python main.py
