import { create, equals, type MessageShape } from "@bufbuild/protobuf";
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import type { Date as CalendarDate } from "@heddle/contracts/common/v1";
import {
  type CreateCustomerRequest,
  type Customer,
  CustomerSchema,
  CustomerState,
} from "@heddle/contracts/customer/v1";
import { applyUpdate, etagOf, fail } from "@heddle/mesh/contract";
import { BIRTH_DATE_INVALID, CUSTOMER_DELETED, CUSTOMER_FIELD_REQUIRED } from "./errors.ts";

/** An active customer as a request describes it. Throws BIRTH_DATE_INVALID. */
export const newCustomer = (request: CreateCustomerRequest, { id, now }: { id: string; now: Timestamp }): Customer => {
  checkBirthDate(request.birthDate, now);
  return withEtag(
    create(CustomerSchema, {
      id,
      givenName: request.givenName,
      familyName: request.familyName,
      email: request.email,
      phone: request.phone,
      ...(request.address && { address: request.address }),
      ...(request.birthDate && { birthDate: request.birthDate }),
      state: CustomerState.ACTIVE,
      createTime: now,
      updateTime: now,
    }),
  );
};

/**
 * The customer after an update, or the same object when nothing would change. Throws CUSTOMER_DELETED, UPDATE_MASK_INVALID,
 * CUSTOMER_FIELD_REQUIRED, BIRTH_DATE_INVALID.
 */
export const updatedCustomer = (
  current: Customer,
  update: { patch: Customer; mask: Parameters<typeof applyUpdate>[3]; now: Timestamp },
): Customer => {
  if (current.state === CustomerState.DELETED) throw fail(CUSTOMER_DELETED, { customerId: current.id });
  const next = applyUpdate(CustomerSchema, current, update.patch, update.mask);
  if (equals(CustomerSchema, current, next)) return current;
  requireFields(next);
  checkBirthDate(next.birthDate, update.now);
  return withEtag({ ...next, updateTime: update.now });
};

/** The customer after its deletion, or the same object when it is deleted already. */
export const deletedCustomer = (current: Customer, now: Timestamp): Customer =>
  current.state === CustomerState.DELETED
    ? current
    : withEtag({ ...current, state: CustomerState.DELETED, updateTime: now, deleteTime: now });

/** The customer made active again, or the same object when it is active. */
export const undeletedCustomer = (current: Customer, now: Timestamp): Customer => {
  if (current.state === CustomerState.ACTIVE) return current;
  const { deleteTime: _, ...kept } = current;
  return withEtag({ ...kept, state: CustomerState.ACTIVE, updateTime: now });
};

/** What e-mail addresses are compared by: as a house that sends letters does, without regard to case. */
export const foldEmail = (email: string): string => email.toLowerCase();

/** The names of the fields in which two states of a customer differ, for the event. */
export const changedFields = (before: Customer, after: Customer): string[] =>
  CustomerSchema.fields
    .filter(({ name }) => !BOOKKEEPING.has(name))
    .filter(({ localName }) => !equalField(before, after, localName as keyof Customer))
    .map(({ name }) => name);

const BOOKKEEPING = new Set(["etag", "update_time"]);

const equalField = (before: Customer, after: Customer, name: keyof Customer): boolean =>
  equals(
    CustomerSchema,
    create(CustomerSchema, { [name]: before[name] }),
    create(CustomerSchema, { [name]: after[name] }),
  );

const withEtag = (customer: MessageShape<typeof CustomerSchema>): Customer => ({
  ...customer,
  etag: etagOf(CustomerSchema, customer),
});

const requireFields = ({ givenName, familyName, email }: Customer): void => {
  for (const [field, value] of Object.entries({ given_name: givenName, family_name: familyName, email })) {
    if (value !== "") continue;
    const violations = [{ field: `customer.${field}`, description: "must not become empty" }];
    throw fail(CUSTOMER_FIELD_REQUIRED, { field }, { violations });
  }
};

/** Whether it is a day of the calendar, and not in the future: anywhere on earth, hence a day's grace. */
const checkBirthDate = (date: CalendarDate | undefined, now: Timestamp): void => {
  if (date === undefined) return;
  const { year, month, day } = date;
  const lastOfMonth = new Date(Date.UTC(2000, 0, 1));
  lastOfMonth.setUTCFullYear(year, month, 0);
  if (day > lastOfMonth.getUTCDate()) throw invalidBirthDate("is no day of the calendar");
  const latest = new Date((Number(now.seconds) + 86_400) * 1000);
  const asked = new Date(Date.UTC(2000, 0, 1));
  asked.setUTCFullYear(year, month - 1, day);
  if (asked > latest) throw invalidBirthDate("lies in the future");
};

const invalidBirthDate = (why: string) =>
  fail(BIRTH_DATE_INVALID, { why }, { violations: [{ field: "birth_date", description: why }] });
