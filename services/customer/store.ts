import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import { type Customer, CustomerSchema, CustomerState, PostalAddressSchema } from "@heddle/contracts/customer/v1";
import { etagOf, fail } from "@heddle/mesh/contract";
import { isUniqueViolation, type Reader, sql, type Tx } from "@heddle/mesh/store";
import { foldEmail } from "./customer.ts";
import { CUSTOMER_EMAIL_TAKEN } from "./errors.ts";

type Row = {
  id: string;
  given_name: string;
  family_name: string;
  email: string;
  email_folded: string;
  phone: string;
  address: Uint8Array | null;
  birth_date: string | null;
  create_time_ms: number;
  update_time_ms: number;
  delete_time_ms: number | null;
};

/** Which customers a list asks for. */
export interface CustomerList {
  /** Empty: any. */
  readonly email: string;
  readonly showDeleted: boolean;
  /** Only those whose id sorts behind this one. */
  readonly afterId: string;
  readonly limit: number;
}

const insertRow = sql<Row>(`
  INSERT INTO customers (id, given_name, family_name, email, email_folded, phone, address, birth_date, create_time_ms, update_time_ms, delete_time_ms)
  VALUES (:id, :given_name, :family_name, :email, :email_folded, :phone, :address, :birth_date, :create_time_ms, :update_time_ms, :delete_time_ms)`);

const updateRow = sql<Row>(`
  UPDATE customers SET given_name = :given_name, family_name = :family_name, email = :email, email_folded = :email_folded,
    phone = :phone, address = :address, birth_date = :birth_date, create_time_ms = :create_time_ms,
    update_time_ms = :update_time_ms, delete_time_ms = :delete_time_ms
  WHERE id = :id`);

const byId = sql<{ id: string }, Row>("SELECT * FROM customers WHERE id = :id");

const byIds = sql<{ ids: string }, Row>("SELECT * FROM customers WHERE id IN (SELECT value FROM json_each(:ids))");

// One statement per shape of list, so that each has an index that fits.
const live = sql<{ after: string; limit: number }, Row>(
  "SELECT * FROM customers WHERE delete_time_ms IS NULL AND id > :after ORDER BY id LIMIT :limit",
);
const all = sql<{ after: string; limit: number }, Row>(
  "SELECT * FROM customers WHERE id > :after ORDER BY id LIMIT :limit",
);
const liveByEmail = sql<{ email: string; after: string; limit: number }, Row>(
  "SELECT * FROM customers WHERE email_folded = :email AND delete_time_ms IS NULL AND id > :after ORDER BY id LIMIT :limit",
);
const allByEmail = sql<{ email: string; after: string; limit: number }, Row>(
  "SELECT * FROM customers WHERE email_folded = :email AND id > :after ORDER BY id LIMIT :limit",
);

/** The customers, as rows and back. */
export const customerStore = () => ({
  /** Throws CUSTOMER_EMAIL_TAKEN. */
  insert: (tx: Tx, customer: Customer) => tx.run(insertRow, toRow(customer)).catch(emailTaken),
  /** Throws CUSTOMER_EMAIL_TAKEN. */
  update: (tx: Tx, customer: Customer) => tx.run(updateRow, toRow(customer)).catch(emailTaken),
  async find(reader: Reader, id: string): Promise<Customer | undefined> {
    const row = await reader.get(byId, { id });
    return row && toCustomer(row);
  },
  /** Those that exist, by id. */
  async findAll(reader: Reader, ids: readonly string[]): Promise<Map<string, Customer>> {
    const rows = await reader.all(byIds, { ids: JSON.stringify(ids) });
    return new Map(rows.map((row) => [row.id, toCustomer(row)]));
  },
  /** In the order of their ids, which is that of their creation. */
  async list(reader: Reader, { email, showDeleted, afterId: after, limit }: CustomerList): Promise<Customer[]> {
    const folded = foldEmail(email);
    const rows =
      email === ""
        ? await reader.all(showDeleted ? all : live, { after, limit })
        : await reader.all(showDeleted ? allByEmail : liveByEmail, { email: folded, after, limit });
    return rows.map(toCustomer);
  },
});

export type CustomerStore = ReturnType<typeof customerStore>;

const emailTaken = (error: unknown): never => {
  if (isUniqueViolation(error, "customers.email_folded")) throw fail(CUSTOMER_EMAIL_TAKEN, {});
  throw error;
};

const toRow = (customer: Customer): Row => ({
  id: customer.id,
  given_name: customer.givenName,
  family_name: customer.familyName,
  email: customer.email,
  email_folded: foldEmail(customer.email),
  phone: customer.phone,
  address: customer.address ? toBinary(PostalAddressSchema, customer.address) : null,
  birth_date: customer.birthDate ? isoDate(customer.birthDate) : null,
  create_time_ms: customer.createTime ? timestampMs(customer.createTime) : 0,
  update_time_ms: customer.updateTime ? timestampMs(customer.updateTime) : 0,
  delete_time_ms: customer.deleteTime ? timestampMs(customer.deleteTime) : null,
});

const toCustomer = (row: Row): Customer => {
  const customer = create(CustomerSchema, {
    id: row.id,
    givenName: row.given_name,
    familyName: row.family_name,
    email: row.email,
    phone: row.phone,
    ...(row.address && { address: fromBinary(PostalAddressSchema, row.address) }),
    ...(row.birth_date && { birthDate: parseIsoDate(row.birth_date) }),
    state: row.delete_time_ms === null ? CustomerState.ACTIVE : CustomerState.DELETED,
    createTime: timestampFromMs(row.create_time_ms),
    updateTime: timestampFromMs(row.update_time_ms),
    ...(row.delete_time_ms !== null && { deleteTime: timestampFromMs(row.delete_time_ms) }),
  });
  customer.etag = etagOf(CustomerSchema, customer);
  return customer;
};

const isoDate = ({ year, month, day }: { year: number; month: number; day: number }): string =>
  [String(year).padStart(4, "0"), String(month).padStart(2, "0"), String(day).padStart(2, "0")].join("-");

const parseIsoDate = (text: string): { year: number; month: number; day: number } => {
  const [year = 0, month = 0, day = 0] = text.split("-").map(Number);
  return { year, month, day };
};
