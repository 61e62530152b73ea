// One kind of call, with keys from all over the table. Arguments: the server's address, the call, how many rows there are, the
// customer and the account whose lists are read.

import { create } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { BillingService, ListLedgerEntriesRequestSchema } from "@heddle/contracts/billing/v1";
import { CustomerService, ListCustomersRequestSchema } from "@heddle/contracts/customer/v1";
import { ListOrdersRequestSchema, OrderService } from "@heddle/contracts/order/v1";
import { nextPageToken } from "@heddle/mesh/contract";
import { idOf } from "../growth/keys.ts";
import { openTransport } from "./open-transport.ts";
import { serveCalls } from "./serve-calls.ts";

const [address = "", call = "", rowsText = "", customerId = "", accountId = ""] = process.argv.slice(2);
const rows = Number(rowsText);
const pageSize = 50;
const transport = await openTransport(address);
const customers = createClient(CustomerService, transport);
const orders = createClient(OrderService, transport);
const billing = createClient(BillingService, transport);

/** A row with a full page on either side of it, and with the tenth part of what is on either side. */
const inTheMiddle = (): number => rows / 2 + Math.floor((Math.random() * rows) / 4);

const customerPage = create(ListCustomersRequestSchema, { pageSize });
const orderPage = create(ListOrdersRequestSchema, { pageSize, customerId });
const ledgerPage = create(ListLedgerEntriesRequestSchema, { pageSize, accountId });

const full = (length: number): void => {
  if (length !== pageSize) throw new Error(`a page of ${call} has ${length} rows`);
};

const CALLS: Readonly<Record<string, () => Promise<unknown>>> = {
  "get-customer": () => customers.getCustomer({ customerId: idOf("cus", 1 + Math.floor(Math.random() * rows)) }),
  "list-customers": async () => full((await customers.listCustomers(customerPage)).customers.length),
  "list-customers-deep": async () => {
    // Ascending: a page after the middle has as many rows as any.
    const pageToken = nextPageToken(ListCustomersRequestSchema, customerPage, [idOf("cus", inTheMiddle())]);
    full((await customers.listCustomers({ ...customerPage, pageToken })).customers.length);
  },
  "list-orders": async () => full((await orders.listOrders(orderPage)).orders.length),
  "list-orders-deep": async () => {
    const pageToken = nextPageToken(ListOrdersRequestSchema, orderPage, [idOf("ord", inTheMiddle() + 10)]);
    full((await orders.listOrders({ ...orderPage, pageToken })).orders.length);
  },
  "list-ledger": async () => full((await billing.listLedgerEntries(ledgerPage)).ledgerEntries.length),
  "list-ledger-deep": async () => {
    const pageToken = nextPageToken(ListLedgerEntriesRequestSchema, ledgerPage, [String(inTheMiddle() + 20)]);
    full((await billing.listLedgerEntries({ ...ledgerPage, pageToken })).ledgerEntries.length);
  },
};

const made = CALLS[call];
if (made === undefined) throw new Error(`${call} is not a call: ${Object.keys(CALLS).join(", ")}`);
serveCalls(made);
