import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { SocialSecurityService } from "@heddle/contracts/socialsecurity/v1";
import { expectFailure, startTestService } from "@heddle/mesh/testing";
import { expect, onTestFinished, test } from "vitest";
import { findBreak } from "./access.ts";
import { socialSecurity } from "./service.ts";

const REASON = "asked for by the tax office";
const customer = (n: number) => `cus_${String(n).padStart(26, "0")}`;
const numberOf = (n: number) => String(345_670_001 + n);
const dashed = (digits: string) => digits.replace(/^(\d{3})(\d{2})/, "$1-$2-");

/** A data folder, what lies in it, and a way to look at the database behind the service's back. */
const folder = () => {
  const dataFolder = mkdtempSync(join(tmpdir(), "heddle-ssn-"));
  onTestFinished(() => rmSync(dataFolder, { recursive: true, force: true }));
  const own = join(dataFolder, "socialsecurity");
  return {
    async start() {
      const service = await startTestService(socialSecurity, { dataFolder });
      let stopped: Promise<void> | undefined;
      const stop = () => (stopped ??= service.stop());
      onTestFinished(stop);
      return { ...service, stop, client: service.client(SocialSecurityService) };
    },
    /** Every byte of the database and its side files. */
    bytes: () =>
      Buffer.concat(readdirSync(own).flatMap((name) => (/\.db/.test(name) ? [readFileSync(join(own, name))] : []))),
    inspect<T>(look: (database: DatabaseSync) => T): T {
      const database = new DatabaseSync(join(own, "socialsecurity.db"));
      try {
        return look(database);
      } finally {
        database.close();
      }
    },
  };
};

test("no number is in the files, the log lines or the errors, whatever is called", async () => {
  const { start, bytes } = folder();
  const { client, log, stop } = await start();
  const shown: string[] = [];
  for (let i = 0; i < 30; i++) {
    await client.registerNumber({ customerId: customer(i), number: i % 2 === 0 ? numberOf(i) : dashed(numberOf(i)) });
    await client.verifyNumber({ customerId: customer(i), number: numberOf(i) });
    await client.verifyNumber({ customerId: customer(i), number: dashed(numberOf(i + 1)) });
    await client.revealNumber({ customerId: customer(i), reason: REASON });
    const other = { customerId: customer(i), number: numberOf(i + 1) };
    const failures = [
      client.registerNumber(other),
      client.registerNumber({ customerId: customer(99), number: numberOf(i) }),
      client.registerNumber({ customerId: customer(99), number: `${numberOf(i)}-` }),
      client.verifyNumber({ customerId: customer(98), number: numberOf(i) }),
      client.revealNumber({ customerId: customer(i), reason: `number ${dashed(numberOf(i))}` }),
    ];
    shown.push(JSON.stringify(await Promise.all(failures.map(expectFailure))));
  }
  const running = bytes();
  await stop();
  const places = {
    running,
    stopped: bytes(),
    log: Buffer.from(JSON.stringify(log)),
    errors: Buffer.from(shown.join()),
  };
  for (const [place, content] of Object.entries(places)) {
    expect(content.length, place).toBeGreaterThan(1_000);
    for (let i = 0; i <= 30; i++) {
      for (const form of [numberOf(i), dashed(numberOf(i))]) {
        expect(content.includes(form), `${form} in ${place}`).toBe(false);
        expect(content.includes(Buffer.from(form).toString("base64")), `${form} in base64 in ${place}`).toBe(false);
      }
    }
  }
  expect(places.running.includes(customer(0))).toBe(true);
});

test("each change of a record publishes one event", async () => {
  const { start, inspect } = folder();
  const { client, stop } = await start();
  const customerId = customer(1);
  for (let i = 0; i < 2; i++) await client.registerNumber({ customerId, number: numberOf(1) });
  await client.verifyNumber({ customerId, number: numberOf(2) });
  for (let i = 0; i < 2; i++) await client.verifyNumber({ customerId, number: numberOf(1) });
  for (let i = 0; i < 2; i++) await client.eraseRecord({ customerId, reason: REASON });
  await stop();
  const events = inspect((database) => database.prepare("SELECT type, key FROM heddle_events ORDER BY sequence").all());
  expect(events.map(({ type, key }) => `${type} ${key}`)).toEqual([
    `socialsecurity.v1.NumberRegistered ${customerId}`,
    `socialsecurity.v1.NumberVerified ${customerId}`,
    `socialsecurity.v1.RecordErased ${customerId}`,
  ]);
});

test("nothing of an erased number is left in the file of a stopped service", async () => {
  const { start, bytes, inspect } = folder();
  const { client, stop } = await start();
  const count = 200;
  for (let i = 0; i < count; i++) await client.registerNumber({ customerId: customer(i), number: numberOf(i) });
  for (let i = 0; i < count; i += 3) await client.verifyNumber({ customerId: customer(i), number: numberOf(i) });
  const secrets = inspect((database) =>
    database
      .prepare("SELECT customer_id, wrapped_key, number, last_four, blind_index FROM records JOIN numbers USING (slot)")
      .all(),
  );
  const erased = (customerId: unknown) => Number(String(customerId).slice(4)) % 2 === 0;
  for (const { customer_id: customerId } of secrets) {
    if (erased(customerId)) await client.eraseRecord({ customerId: String(customerId), reason: REASON });
  }
  await stop();
  const file = bytes();
  expect(secrets).toHaveLength(count);
  for (const { customer_id: customerId, ...parts } of secrets) {
    for (const [part, value] of Object.entries(parts)) {
      const found = file.includes(Buffer.from(value as Uint8Array));
      expect(found, `${part} of ${customerId}`).toBe(!erased(customerId));
    }
  }
});

test("an entry of the log that was changed behind the service's back is named", async () => {
  const { start, inspect } = folder();
  const first = await start();
  await first.client.registerNumber({ customerId: customer(1), number: numberOf(1) });
  for (let i = 0; i < 4; i++) await first.client.revealNumber({ customerId: customer(1), reason: REASON });
  expect(findBreak((await first.client.listAccesses({})).accesses)).toBeUndefined();
  await first.stop();
  inspect((database) => {
    database.exec("DROP TRIGGER accesses_are_not_changed");
    database.exec("UPDATE accesses SET reason = 'nothing to see here' WHERE sequence = 3");
  });
  const { client } = await start();
  // The log goes on behind the break, and does not hide it.
  await client.revealNumber({ customerId: customer(1), reason: REASON });
  const { accesses } = await client.listAccesses({});
  expect(accesses).toHaveLength(6);
  expect(findBreak(accesses)).toEqual({ sequence: 3n, problem: "is not what it was when it was written" });
});

test("the database itself refuses to change or remove entries of the log", async () => {
  const { start, inspect } = folder();
  const { client, stop } = await start();
  await client.registerNumber({ customerId: customer(1), number: numberOf(1) });
  await stop();
  inspect((database) => {
    expect(() => database.exec("UPDATE accesses SET reason = ''")).toThrow("never changed");
    expect(() => database.exec("DELETE FROM accesses")).toThrow("never removed");
  });
});

test("a number that was put in another customer's row is not given out, and the reveal is not logged as one", async () => {
  const { start, inspect } = folder();
  const first = await start();
  for (const i of [1, 2]) await first.client.registerNumber({ customerId: customer(i), number: numberOf(i) });
  await first.stop();
  inspect((database) => {
    const [a, b] = database.prepare("SELECT slot, customer_id FROM records ORDER BY customer_id").all();
    const swap = database.prepare("UPDATE numbers SET wrapped_key = ?, number = ?, last_four = ? WHERE slot = ?");
    const other = database.prepare("SELECT * FROM numbers WHERE slot = ?").get(b?.slot ?? 0);
    swap.run(other?.wrapped_key ?? "", other?.number ?? "", other?.last_four ?? "", a?.slot ?? 0);
  });
  const { client, log } = await start();
  const failure = await expectFailure(client.revealNumber({ customerId: customer(1), reason: REASON }));
  expect(failure).toMatchObject({ code: "Internal", reason: "INTERNAL" });
  expect(JSON.stringify(log)).toContain("does not open");
  expect((await client.listAccesses({ customerId: customer(1) })).accesses).toHaveLength(1);
  // What was damaged can still be erased.
  await client.eraseRecord({ customerId: customer(1), reason: REASON });
  expect((await client.revealNumber({ customerId: customer(2), reason: REASON })).number).toBe(dashed(numberOf(2)));
});
