import { type Access, AccessKind, RecordState, SocialSecurityService } from "@heddle/contracts/socialsecurity/v1";
import { systemRuntime } from "@heddle/mesh/runtime";
import { expectFailure, fakeClock, startTestService } from "@heddle/mesh/testing";
import { expect, onTestFinished, test } from "vitest";
import { findBreak } from "./access.ts";
import { MISMATCH_REST_MS, MISMATCHES_MAX } from "./mismatches.ts";
import { socialSecurity } from "./service.ts";

const start = async () => {
  const clock = fakeClock();
  const service = await startTestService(socialSecurity, { runtime: { ...systemRuntime(), clock } });
  onTestFinished(() => service.stop());
  return Object.assign(service.client(SocialSecurityService), { clock });
};

const customer = (n: number) => `cus_${String(n).padStart(26, "0")}`;
const ADA = customer(1);
const EVE = customer(2);
const NUMBER = "123-45-6789";
const OTHER = "123-45-6780";
const REASON = "asked for by the tax office";

type Client = Awaited<ReturnType<typeof start>>;
const kindsOf = async (client: Client, customerId = "") =>
  (await client.listAccesses({ customerId })).accesses.map(({ kind }) => AccessKind[kind]);

test("a number that was registered is shown masked, and verified by the same number in another form", async () => {
  const client = await start();
  const { record: registered } = await client.registerNumber({ customerId: ADA, number: NUMBER });
  expect(registered).toMatchObject({ customerId: ADA, maskedNumber: "***-**-6789", state: RecordState.REGISTERED });
  expect(registered?.id).toMatch(/^ssr_[0-9a-hjkmnp-tv-z]{26}$/);
  expect((await client.getRecord({ customerId: ADA })).record).toEqual(registered);
  client.clock.advance(1_000);
  const { matched, record: verified } = await client.verifyNumber({ customerId: ADA, number: "123456789" });
  expect(matched).toBe(true);
  expect(verified).toMatchObject({ state: RecordState.VERIFIED, verifyTime: client.clock.now() });
  expect(verified?.etag).not.toBe(registered?.etag);
  expect((await client.getRecord({ customerId: ADA })).record).toEqual(verified);
});

test("another number is a reply, not an error, and leaves the record as it is", async () => {
  const client = await start();
  const { record } = await client.registerNumber({ customerId: ADA, number: NUMBER });
  client.clock.advance(1_000);
  expect(await client.verifyNumber({ customerId: ADA, number: OTHER })).toMatchObject({ matched: false, record });
  // A number that is never issued is another number too.
  expect((await client.verifyNumber({ customerId: ADA, number: "000-00-0000" })).matched).toBe(false);
  expect((await client.getRecord({ customerId: ADA })).record).toEqual(record);
});

test("a second match changes nothing but the log", async () => {
  const client = await start();
  await client.registerNumber({ customerId: ADA, number: NUMBER });
  const { record } = await client.verifyNumber({ customerId: ADA, number: NUMBER });
  client.clock.advance(1_000);
  expect((await client.verifyNumber({ customerId: ADA, number: NUMBER })).record).toEqual(record);
  expect(await kindsOf(client)).toEqual(["REGISTER", "VERIFY_MATCH", "VERIFY_MATCH"]);
});

test("registering the same number again returns the same record", async () => {
  const client = await start();
  const first = await client.registerNumber({ customerId: ADA, number: NUMBER });
  client.clock.advance(1_000);
  expect(await client.registerNumber({ customerId: ADA, number: "123456789" })).toEqual(first);
});

test("a customer cannot get a second number, nor a number a second customer", async () => {
  const client = await start();
  await client.registerNumber({ customerId: ADA, number: NUMBER });
  expect(await expectFailure(client.registerNumber({ customerId: ADA, number: OTHER }))).toMatchObject({
    code: "AlreadyExists",
    reason: "RECORD_ALREADY_EXISTS",
    domain: "socialsecurity.v1",
    metadata: { customerId: ADA },
  });
  const taken = await expectFailure(client.registerNumber({ customerId: EVE, number: NUMBER }));
  expect(taken).toMatchObject({ code: "AlreadyExists", reason: "NUMBER_ALREADY_REGISTERED", metadata: {} });
  expect(await kindsOf(client)).toEqual(["REGISTER", "VERIFY_MISMATCH"]);
});

test("of concurrent registrations of one number by twenty customers one succeeds", async () => {
  const client = await start();
  const calls = Array.from({ length: 20 }, (_, i) =>
    client.registerNumber({ customerId: customer(i), number: NUMBER }),
  );
  const outcomes = await Promise.allSettled(calls);
  expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  expect(await kindsOf(client)).toEqual(["REGISTER"]);
});

test("twenty concurrent registrations of one number by one customer make one record", async () => {
  const client = await start();
  const calls = Array.from({ length: 20 }, () => client.registerNumber({ customerId: ADA, number: NUMBER }));
  expect(new Set((await Promise.all(calls)).map(({ record }) => record?.id)).size).toBe(1);
});

test("numbers of many customers are told apart", async () => {
  const client = await start();
  const numberOf = (i: number) => String(100_010_001 + i);
  for (let i = 0; i < 300; i++) await client.registerNumber({ customerId: customer(i), number: numberOf(i) });
  expect(
    await expectFailure(client.registerNumber({ customerId: customer(999), number: numberOf(123) })),
  ).toMatchObject({
    reason: "NUMBER_ALREADY_REGISTERED",
  });
  const { number } = await client.revealNumber({ customerId: customer(123), reason: REASON });
  expect(number.replaceAll("-", "")).toBe(numberOf(123));
});

test("a customer without a record is NOT_FOUND everywhere", async () => {
  const client = await start();
  const calls = [
    client.getRecord({ customerId: ADA }),
    client.verifyNumber({ customerId: ADA, number: NUMBER }),
    client.revealNumber({ customerId: ADA, reason: REASON }),
    client.eraseRecord({ customerId: ADA, reason: REASON }),
  ];
  for (const failure of await Promise.all(calls.map(expectFailure))) {
    expect(failure).toMatchObject({
      code: "NotFound",
      reason: "RECORD_NOT_FOUND",
      metadata: { customerId: ADA },
    });
  }
  expect(await kindsOf(client)).toEqual([]);
});

test("a reveal gives the number out in full, and its log entry says why", async () => {
  const client = await start();
  await client.registerNumber({ customerId: ADA, number: "123456789" });
  const { number, accessSequence } = await client.revealNumber({ customerId: ADA, reason: REASON });
  expect(number).toBe(NUMBER);
  const { accesses } = await client.listAccesses({});
  expect(accesses.at(-1)).toMatchObject({
    sequence: accessSequence,
    customerId: ADA,
    kind: AccessKind.REVEAL,
    caller: "local",
    reason: REASON,
    createTime: client.clock.now(),
  });
});

test("every reveal is a look of its own", async () => {
  const client = await start();
  await client.registerNumber({ customerId: ADA, number: NUMBER });
  const looks = await Promise.all(
    Array.from({ length: 5 }, () => client.revealNumber({ customerId: ADA, reason: REASON })),
  );
  expect(looks.map(({ accessSequence }) => accessSequence).toSorted()).toEqual([2n, 3n, 4n, 5n, 6n]);
});

test("looking at the mask leaves no trace", async () => {
  const client = await start();
  await client.registerNumber({ customerId: ADA, number: NUMBER });
  await client.getRecord({ customerId: ADA });
  expect(await kindsOf(client)).toEqual(["REGISTER"]);
});

test("an erased number is gone, and its record and log stay", async () => {
  const client = await start();
  const { record: before } = await client.registerNumber({ customerId: ADA, number: NUMBER });
  client.clock.advance(1_000);
  const { record } = await client.eraseRecord({ customerId: ADA, reason: REASON, etag: before?.etag ?? "" });
  expect(record).toMatchObject({
    id: before?.id,
    maskedNumber: "",
    state: RecordState.ERASED,
    eraseTime: client.clock.now(),
    updateTime: client.clock.now(),
    createTime: before?.createTime,
  });
  expect((await client.getRecord({ customerId: ADA })).record).toEqual(record);
  const calls = [
    client.verifyNumber({ customerId: ADA, number: NUMBER }),
    client.revealNumber({ customerId: ADA, reason: REASON }),
  ];
  for (const failure of await Promise.all(calls.map(expectFailure))) {
    expect(failure).toMatchObject({ code: "FailedPrecondition", reason: "RECORD_ERASED" });
  }
  expect(await kindsOf(client)).toEqual(["REGISTER", "ERASE"]);
});

test("erasing twice changes nothing, whatever the etag", async () => {
  const client = await start();
  const { record: before } = await client.registerNumber({ customerId: ADA, number: NUMBER });
  const first = await client.eraseRecord({ customerId: ADA, reason: REASON });
  client.clock.advance(1_000);
  expect(await client.eraseRecord({ customerId: ADA, reason: REASON, etag: before?.etag ?? "" })).toEqual(first);
  expect(await kindsOf(client)).toEqual(["REGISTER", "ERASE"]);
});

test("an erasure with a stale etag is ABORTED and erases nothing", async () => {
  const client = await start();
  const { record: before } = await client.registerNumber({ customerId: ADA, number: NUMBER });
  await client.verifyNumber({ customerId: ADA, number: NUMBER });
  const stale = client.eraseRecord({ customerId: ADA, reason: REASON, etag: before?.etag ?? "" });
  expect(await expectFailure(stale)).toMatchObject({ code: "Aborted", reason: "ETAG_MISMATCH" });
  expect((await client.revealNumber({ customerId: ADA, reason: REASON })).number).toBe(NUMBER);
});

test("after an erasure a number is registered anew in a new record, by anyone", async () => {
  const client = await start();
  const { record: first } = await client.registerNumber({ customerId: ADA, number: NUMBER });
  await client.eraseRecord({ customerId: ADA, reason: REASON });
  const { record: second } = await client.registerNumber({ customerId: ADA, number: OTHER });
  expect(second?.id).not.toBe(first?.id);
  expect((await client.getRecord({ customerId: ADA })).record).toEqual(second);
  await client.registerNumber({ customerId: EVE, number: NUMBER });
  await client.eraseRecord({ customerId: ADA, reason: REASON });
  expect((await client.getRecord({ customerId: ADA })).record?.id).toBe(second?.id);
});

test("wrong numbers in a row are bounded, by any call, until a right one", async () => {
  const client = await start();
  await client.registerNumber({ customerId: ADA, number: NUMBER });
  for (let i = 1; i < MISMATCHES_MAX; i++) await client.verifyNumber({ customerId: ADA, number: OTHER });
  await expectFailure(client.registerNumber({ customerId: ADA, number: OTHER }));
  for (const call of [client.verifyNumber, client.registerNumber]) {
    // The right number neither: its answer would tell.
    expect(await expectFailure(call({ customerId: ADA, number: NUMBER }))).toMatchObject({
      code: "ResourceExhausted",
      reason: "MISMATCHES_EXHAUSTED",
      metadata: { customerId: ADA, retrySeconds: "900" },
      retryable: true,
    });
  }
  expect(await kindsOf(client)).toHaveLength(1 + MISMATCHES_MAX);
  client.clock.advance(MISMATCH_REST_MS);
  expect((await client.verifyNumber({ customerId: ADA, number: OTHER })).matched).toBe(false);
  expect(await expectFailure(client.verifyNumber({ customerId: ADA, number: NUMBER }))).toMatchObject({
    reason: "MISMATCHES_EXHAUSTED",
  });
  client.clock.advance(MISMATCH_REST_MS);
  expect((await client.verifyNumber({ customerId: ADA, number: NUMBER })).matched).toBe(true);
  expect((await client.verifyNumber({ customerId: ADA, number: OTHER })).matched).toBe(false);
  expect((await client.verifyNumber({ customerId: ADA, number: NUMBER })).matched).toBe(true);
});

test("concurrent guesses are not more than one after the other", async () => {
  const client = await start();
  await client.registerNumber({ customerId: ADA, number: NUMBER });
  const guesses = Array.from({ length: 20 }, () => client.verifyNumber({ customerId: ADA, number: OTHER }));
  const outcomes = await Promise.allSettled(guesses);
  expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(MISMATCHES_MAX);
});

test("wrong numbers of one customer do not hold up another", async () => {
  const client = await start();
  await client.registerNumber({ customerId: ADA, number: NUMBER });
  await client.registerNumber({ customerId: EVE, number: OTHER });
  for (let i = 0; i < MISMATCHES_MAX; i++) await client.verifyNumber({ customerId: ADA, number: OTHER });
  expect((await client.verifyNumber({ customerId: EVE, number: OTHER })).matched).toBe(true);
});

test("the pages of the log hold every entry once, and their chain holds", async () => {
  const client = await start();
  await client.registerNumber({ customerId: ADA, number: NUMBER });
  for (let i = 0; i < 6; i++) await client.revealNumber({ customerId: ADA, reason: REASON });
  const seen: Access[] = [];
  for (let pageToken = "", pages = 0; pages === 0 || pageToken !== ""; pages++) {
    const reply = await client.listAccesses({ pageSize: 3, pageToken });
    expect(reply.accesses.length).toBeLessThanOrEqual(3);
    seen.push(...reply.accesses);
    pageToken = reply.nextPageToken;
  }
  expect(seen.map(({ sequence }) => sequence)).toEqual([1n, 2n, 3n, 4n, 5n, 6n, 7n]);
  expect(findBreak(seen)).toBeUndefined();
});

test("the log of one customer leaves the others out, and its page token is good for it alone", async () => {
  const client = await start();
  await client.registerNumber({ customerId: ADA, number: NUMBER });
  await client.registerNumber({ customerId: EVE, number: OTHER });
  await client.revealNumber({ customerId: ADA, reason: REASON });
  const first = await client.listAccesses({ customerId: ADA, pageSize: 1 });
  const rest = await client.listAccesses({ customerId: ADA, pageSize: 1, pageToken: first.nextPageToken });
  expect([...first.accesses, ...rest.accesses].map(({ sequence }) => sequence)).toEqual([1n, 3n]);
  expect(rest.nextPageToken).toBe("");
  const misused = client.listAccesses({ customerId: EVE, pageToken: first.nextPageToken });
  expect(await expectFailure(misused)).toMatchObject({ code: "InvalidArgument", reason: "PAGE_TOKEN_INVALID" });
  expect(await expectFailure(client.listAccesses({ pageSize: -1 }))).toMatchObject({ code: "InvalidArgument" });
});

test.each(["000-45-6789", "666-45-6789", "900-45-6789", "123-00-6789", "123-45-0000", "123-456789", "12345678", ""])(
  "registering %o is refused",
  async (number) => {
    const client = await start();
    expect(await expectFailure(client.registerNumber({ customerId: ADA, number }))).toMatchObject({
      code: "InvalidArgument",
      reason: "VALIDATION_FAILED",
      fields: ["number"],
    });
  },
);

test("a reason that is too short, or holds a number, is refused", async () => {
  const client = await start();
  await client.registerNumber({ customerId: ADA, number: NUMBER });
  for (const call of [client.revealNumber, client.eraseRecord]) {
    expect(await expectFailure(call({ customerId: ADA, reason: "because" }))).toMatchObject({
      reason: "VALIDATION_FAILED",
      fields: ["reason"],
    });
    expect(await expectFailure(call({ customerId: ADA, reason: `number ${OTHER} is his` }))).toMatchObject({
      code: "InvalidArgument",
      reason: "REASON_HOLDS_NUMBER",
      fields: ["reason"],
    });
  }
  expect(await kindsOf(client)).toEqual(["REGISTER"]);
});
