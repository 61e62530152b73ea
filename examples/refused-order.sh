#!/usr/bin/env bash
# An order that is refused after billing has authorized it, on a mesh that runs (`heddle up --detach`): the customer is deleted while
# billing holds the total, so that the order cannot be confirmed, and what billing holds is voided. Needs jq.
set -euo pipefail
cd "$(dirname "$0")/.."
heddle() { node_modules/.bin/node cli/bin/heddle.js "$@"; }
call() { heddle call "$1" -d "$2"; }

email="ada.$(date +%s)@example.com"
customer=$(call customer.v1.CustomerService/CreateCustomer \
  "{\"givenName\": \"Ada\", \"familyName\": \"Lovelace\", \"email\": \"$email\"}" | jq -r .customer.id)
number=$(printf '%03d-%02d-%04d' $((RANDOM % 600 + 1)) $((RANDOM % 99 + 1)) $((RANDOM % 9999 + 1)))
for verb in RegisterNumber VerifyNumber; do
  call "socialsecurity.v1.SocialSecurityService/$verb" "{\"customerId\": \"$customer\", \"number\": \"$number\"}" >/dev/null
done
call billing.v1.BillingService/OpenAccount \
  "{\"customerId\": \"$customer\", \"creditLimit\": {\"currencyCode\": \"USD\", \"minorUnits\": \"100000\"}}" >/dev/null

# Billing stands still with the request in its hands, while the customer is deleted and its event arrives.
billing=$(heddle status --json | jq '.services[] | select(.service == "billing") | .pid')
kill -STOP "$billing"
trap 'kill -CONT "$billing"' EXIT
order=$(mktemp)
call order.v1.OrderService/PlaceOrder "{\"customerId\": \"$customer\", \"lines\": [{\"sku\": \"LAMP-01\", \"quantity\": 2,
  \"unitPrice\": {\"currencyCode\": \"USD\", \"minorUnits\": \"1995\"}}]}" >"$order" &
placing=$!
until heddle sagas list order --name place-order --state running -n 1 --json |
  jq -e '.steps[] | select(.name == "authorize-payment" and .attempts > 0)' >/dev/null; do sleep 0.2; done
call customer.v1.CustomerService/DeleteCustomer "{\"customerId\": \"$customer\"}" >/dev/null
sleep 1
kill -CONT "$billing"
wait "$placing"

jq '.order | {id, state, rejectionReason}' "$order"
heddle sagas show "$(jq -r .order.id "$order")"
