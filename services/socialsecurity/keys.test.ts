import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { SocialSecurityService } from "@heddle/contracts/socialsecurity/v1";
import { systemRandom } from "@heddle/mesh/runtime";
import { startTestService } from "@heddle/mesh/testing";
import { expect, onTestFinished, test, vi } from "vitest";
import { makeDevelopmentKeys, readDevelopmentKeys } from "./development-keys.ts";
import { REWRAP_RECORDS_MAX } from "./rewrap.ts";
import { socialSecurity } from "./service.ts";

const key = (byte: number) => Buffer.alloc(32, byte).toString("base64");
const WRAPPING = { HEDDLE_SSN_WRAPPING_KEY: key(1) };
const INDEX = { HEDDLE_SSN_INDEX_KEY: key(2) };
const ROTATED = { HEDDLE_SSN_WRAPPING_KEY: key(3), HEDDLE_SSN_WRAPPING_KEY_PREVIOUS: key(1) };
const REASON = "asked for by the tax office";
const NUMBER = "123-45-6789";
const customer = (n: number) => `cus_${String(n).padStart(26, "0")}`;

/** A data folder that is started on again and again. */
const folder = () => {
  const dataFolder = mkdtempSync(join(tmpdir(), "heddle-ssn-"));
  onTestFinished(() => rmSync(dataFolder, { recursive: true, force: true }));
  const start = async (env: NodeJS.ProcessEnv) => {
    const service = await startTestService(socialSecurity, { dataFolder, env });
    let stopped: Promise<void> | undefined;
    const stop = () => (stopped ??= service.stop());
    onTestFinished(stop);
    return { ...service, stop, client: service.client(SocialSecurityService) };
  };
  return { start, keyFile: join(dataFolder, "socialsecurity", "dev-keys.json") };
};

const registered = async (env: NodeJS.ProcessEnv, count = 1) => {
  const made = folder();
  const { client, stop } = await made.start(env);
  for (let i = 0; i < count; i++) {
    const number = i === 0 ? NUMBER : String(200_010_001 + i);
    await client.registerNumber({ customerId: customer(i), number });
  }
  await stop();
  return made;
};

test("without a key development keys are made, for the owner's eyes only, and every start warns", async () => {
  const { start, keyFile } = await registered({});
  expect(statSync(keyFile).mode & 0o777).toBe(0o600);
  const { client, log } = await start({});
  expect((await client.revealNumber({ customerId: customer(0), reason: REASON })).number).toBe(NUMBER);
  const { wrappingKey, indexKey } = JSON.parse(readFileSync(keyFile, "utf8"));
  const warning = log.find(({ level }) => level === "warn");
  expect(warning?.msg).toContain("DEVELOPMENT KEYS");
  expect(warning?.file).toBe(keyFile);
  for (const secret of [wrappingKey, indexKey]) expect(JSON.stringify(log)).not.toContain(secret);
});

test("with keys in the environment no development keys are made, and nothing warns", async () => {
  const { start, keyFile } = await registered({ ...WRAPPING, ...INDEX });
  const { log } = await start({ ...WRAPPING, ...INDEX });
  expect(existsSync(keyFile)).toBe(false);
  expect(log.filter(({ level }) => level === "warn")).toEqual([]);
});

test("of two processes that make development keys at once both get those of the first", async () => {
  const { start, keyFile } = folder();
  const { stop } = await start({});
  const first = readDevelopmentKeys(keyFile);
  const second = makeDevelopmentKeys(keyFile, systemRandom);
  expect(second.wrapping.id).toBe(first?.wrapping.id);
  expect(second.index.id).toBe(first?.index.id);
  await stop();
  // What the second had made is gone.
  expect(readdirSync(dirname(keyFile)).toSorted()).toEqual(["dev-keys.json", "socialsecurity.db"]);
});

test("development keys that others can read, or that were changed, stop the start", async () => {
  const { start, keyFile } = await registered({});
  chmodSync(keyFile, 0o644);
  await expect(start({})).rejects.toThrow(`chmod 600 ${keyFile}`);
  chmodSync(keyFile, 0o600);
  writeFileSync(keyFile, JSON.stringify({ wrappingKey: key(1), indexKey: "short" }));
  await expect(start({})).rejects.toThrow("put back the file");
});

test.each([
  [
    { HEDDLE_SSN_WRAPPING_KEY: key(7), ...INDEX },
    /HEDDLE_SSN_WRAPPING_KEY is the wrong key.*\nNext step: set HEDDLE_SSN_/,
  ],
  [
    { ...WRAPPING, HEDDLE_SSN_INDEX_KEY: key(7) },
    /HEDDLE_SSN_INDEX_KEY is the wrong key.*\nNext step: set HEDDLE_SSN_/,
  ],
  [{ HEDDLE_SSN_WRAPPING_KEY: key(2), HEDDLE_SSN_INDEX_KEY: key(1) }, /is the wrong key/],
  [
    { HEDDLE_SSN_WRAPPING_KEY: key(7), HEDDLE_SSN_WRAPPING_KEY_PREVIOUS: key(8), ...INDEX },
    /HEDDLE_SSN_WRAPPING_KEY and HEDDLE_SSN_WRAPPING_KEY_PREVIOUS are the wrong keys/,
  ],
  [{}, /HEDDLE_SSN_\w+_KEY is not set, and numbers are stored.*\nNext step: set HEDDLE_SSN_WRAPPING_KEY and/],
])("keys that do not fit what is stored stop the start %#", async (env: NodeJS.ProcessEnv, message) => {
  const { start, keyFile } = await registered({ ...WRAPPING, ...INDEX });
  const error = await start(env).then(
    () => undefined,
    (thrown: Error) => thrown,
  );
  expect(error?.message).toMatch(message);
  for (const secret of Object.values(env)) expect(error?.message).not.toContain(secret);
  expect(existsSync(keyFile)).toBe(false);
  const { client } = await start({ ...WRAPPING, ...INDEX });
  expect((await client.revealNumber({ customerId: customer(0), reason: REASON })).number).toBe(NUMBER);
});

test("numbers under development keys say where these keys are", async () => {
  const { start, keyFile } = await registered({});
  await expect(start({ ...WRAPPING, ...INDEX })).rejects.toThrow(`Key in ${keyFile}`);
});

test("keys can be changed while nothing is stored under them", async () => {
  const { start } = await registered({ ...WRAPPING, ...INDEX });
  const first = await start({ ...WRAPPING, ...INDEX });
  await first.client.eraseRecord({ customerId: customer(0), reason: REASON });
  await first.stop();
  const { client } = await start({ HEDDLE_SSN_WRAPPING_KEY: key(5), HEDDLE_SSN_INDEX_KEY: key(6) });
  await client.registerNumber({ customerId: customer(0), number: NUMBER });
});

test("a start with a new wrapping key moves every number, and then the old one is not needed", async () => {
  const count = 2 * REWRAP_RECORDS_MAX + 1;
  const { start } = await registered({ ...WRAPPING, ...INDEX }, count);
  const rotating = await start({ ...ROTATED, ...INDEX });
  await vi.waitFor(() => expect(rotating.log).toContainEqual(expect.objectContaining({ moved: count })));
  await rotating.stop();
  const { client } = await start({ HEDDLE_SSN_WRAPPING_KEY: key(3), ...INDEX });
  expect((await client.revealNumber({ customerId: customer(0), reason: REASON })).number).toBe(NUMBER);
  expect((await client.getRecord({ customerId: customer(count - 1) })).record?.maskedNumber).toBe("***-**-0201");
});

test("numbers are read and compared while they are moved", async () => {
  const { start } = await registered({ ...WRAPPING, ...INDEX }, REWRAP_RECORDS_MAX + 1);
  const { client } = await start({ ...ROTATED, ...INDEX });
  expect((await client.revealNumber({ customerId: customer(0), reason: REASON })).number).toBe(NUMBER);
  expect((await client.verifyNumber({ customerId: customer(0), number: NUMBER })).matched).toBe(true);
  expect((await client.getRecord({ customerId: customer(REWRAP_RECORDS_MAX) })).record?.maskedNumber).toMatch(/\d{4}$/);
});

test("a number that another instance stored under the old key moves when it is revealed", async () => {
  const { start } = folder();
  const old = await start({ ...WRAPPING, ...INDEX });
  const next = await start({ ...ROTATED, ...INDEX });
  await vi.waitFor(() => expect(next.log).toContainEqual(expect.objectContaining({ moved: 0 })));
  await old.client.registerNumber({ customerId: customer(0), number: NUMBER });
  expect((await next.client.revealNumber({ customerId: customer(0), reason: REASON })).number).toBe(NUMBER);
  await Promise.all([old.stop(), next.stop()]);
  const { client } = await start({ HEDDLE_SSN_WRAPPING_KEY: key(3), ...INDEX });
  expect((await client.revealNumber({ customerId: customer(0), reason: REASON })).number).toBe(NUMBER);
});
