import { timestampMs } from "@bufbuild/protobuf/wkt";
import type { Client } from "@connectrpc/connect";
import {
  type CustomerDeleted,
  CustomerDeletedSchema,
  type CustomerService,
  CustomerState,
  CustomerUndeletedSchema,
} from "@heddle/contracts/customer/v1";
import { on, onPrepared, type Subscription } from "@heddle/mesh/events";
import type { Clock } from "@heddle/mesh/runtime";
import { eraseNumber } from "./erase-number.ts";
import { isLive } from "./record.ts";
import type { AccessLog, DeletionStore, RecordStore } from "./store.ts";

interface Deps {
  readonly records: RecordStore;
  readonly accesses: AccessLog;
  readonly deletions: DeletionStore;
  readonly clock: Clock;
  readonly customers: Pick<Client<typeof CustomerService>, "getCustomer">;
}

/** Who erases and why, for the log. */
const BY_DELETION = { caller: "customer", reason: "The customer was deleted." } as const;

/**
 * Erases the number of a customer who is deleted, and takes none until the customer is undeleted. A number that was registered
 * while the event was on its way goes too, unless the customer was undeleted before: then it is the new customer's number,
 * acknowledged as such. Only the owner of the customers knows which it was, so it is asked.
 */
export const followDeletions = ({ records, accesses, deletions, clock, customers }: Deps): Subscription => ({
  from: "customer",
  handlers: [
    onPrepared(
      CustomerDeletedSchema,
      async ({ message }) => {
        const { customer } = await customers.getCustomer({ customerId: deletionOf(message).customerId });
        return customer?.state === CustomerState.ACTIVE;
      },
      async (tx, { message }, undeleted) => {
        const { customerId, deleteTimeMs } = deletionOf(message);
        if (!undeleted) await deletions.add(tx, customerId, deleteTimeMs);
        const record = await records.findLatest(tx, customerId);
        if (!isLive(record)) return;
        if (undeleted && timestampMs(record.createTime) > deleteTimeMs) return;
        await eraseNumber(tx, { records, accesses }, record, { ...BY_DELETION, now: clock.now() });
      },
    ),
    on(CustomerUndeletedSchema, async (tx, { message }) => {
      if (message.customer === undefined) throw new TypeError("CustomerUndeleted does not say who was undeleted");
      await deletions.remove(tx, message.customer.id);
    }),
  ],
});

const deletionOf = ({ customer }: CustomerDeleted): { customerId: string; deleteTimeMs: number } => {
  if (customer?.deleteTime === undefined) throw new TypeError("CustomerDeleted does not say who was deleted, or when");
  return { customerId: customer.id, deleteTimeMs: timestampMs(customer.deleteTime) };
};
