import type { DescMethodUnary } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { ConsumerKind, ElementKind, Evidence, UsageService } from "@heddle/contracts/heddle/usage/v1";
import { grpcTransport } from "@heddle/mesh/rpc";
import { expectFailure } from "@heddle/mesh/testing";
import { expect, onTestFinished, test } from "vitest";
import { startClothInstance } from "../fixtures/cloth-instance.ts";
import { deprecatedContract } from "../fixtures/deprecated-contract.ts";
import { runtime, silent, startGateway } from "../fixtures/start-gateway.ts";

const CUT = "cloth.v1.ClothService/Cut";
const LOOK = "cloth.v1.ClothService/Look";
const TEAR = "cloth.v1.ClothService/Tear";
/** A gateway, and an instance of the contract with something deprecated. */
const start = async () => {
  const { url, stop } = await startGateway();
  const contract = deprecatedContract();
  const instance = await startClothInstance(url, contract, { runtime, log: silent });
  onTestFinished(async () => {
    await instance.stop();
    await stop();
  });
  const method = (path: string) =>
    contract.services
      .flatMap(({ methods }) => methods)
      .find(({ name }) => path.endsWith(`/${name}`)) as DescMethodUnary;
  /** Calls as a consumer by gRPC; resolves to the answer's headers. */
  const callerOf = (consumer: string) => {
    const transport = grpcTransport(url, runtime, "heddle", { consumer });
    return async (path: string, request: Record<string, unknown>) =>
      (await transport.unary(method(path), undefined, undefined, undefined, request)).header;
  };
  const json = (path: string, headers: Record<string, string> = {}, body = "{}") =>
    fetch(`${url}/${path}`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body,
    });
  return { url, callerOf, json, usage: createClient(UsageService, grpcTransport(url, runtime)) };
};

const SUNSET = "Wed, 31 Mar 2027 23:59:59 GMT";

test("who calls something deprecated is told so, whatever the protocol", async () => {
  const { callerOf, json } = await start();
  const order = callerOf("order/1.2.0");
  const told = await order(TEAR, {});
  expect([told.get("deprecation"), told.get("sunset")]).toEqual([expect.stringMatching(/^@\d{10}$/), SUNSET]);
  expect((await order(CUT, {})).get("deprecation")).toBeNull();
  for (const type of ["application/json", "application/proto", "application/grpc-web+proto"]) {
    const response = await json(TEAR, { "content-type": type });
    expect([type, response.headers.get("sunset")]).toEqual([type, SUNSET]);
    await response.arrayBuffer();
  }
});

test("calls are listed by method and consumer, by what is asked for, page by page", async () => {
  const { callerOf, json, usage } = await start();
  const [order, billing] = [callerOf("order/1.2.0"), callerOf("billing/2.0.0")];
  for (let made = 0; made < 3; made++) await order(CUT, {});
  await billing(CUT, {});
  await billing(TEAR, {});
  await json(TEAR, { "user-agent": "curl/8.5.0" });
  const { methods } = await usage.listMethodUsage({ package: "cloth.v1" });
  expect(methods.map(({ method, consumer, calls }) => [method, consumer?.name, consumer?.version, calls])).toEqual([
    [CUT, "order", "1.2.0", 3n],
    [CUT, "billing", "2.0.0", 1n],
    [TEAR, "billing", "2.0.0", 1n],
    [TEAR, "curl", "8.5.0", 1n],
  ]);
  expect(methods[3]?.consumer?.kind).toBe(ConsumerKind.AGENT);
  expect(methods[0]?.lastTime).toBeDefined();

  const names = async (filter: object) => (await usage.listMethodUsage(filter)).methods.map(({ method }) => method);
  expect(await names({ method: TEAR })).toEqual([TEAR, TEAR]);
  expect(await names({ method: "cloth.v1.ClothService" })).toHaveLength(4);
  expect(await names({ consumer: "order" })).toEqual([CUT]);
  expect(await names({ package: "cloth" })).toEqual([]);
  expect(await names({ package: "cloth.v2", method: CUT })).toEqual([]);
  expect(await names({ since: { seconds: 4_000_000_000n } })).toEqual([]);

  const paged: unknown[] = [];
  let pageToken = "";
  do {
    const page = await usage.listMethodUsage({ pageSize: 1, pageToken, package: "cloth.v1" });
    paged.push(...page.methods);
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  expect(paged).toEqual(methods);
  const { nextPageToken } = await usage.listMethodUsage({ pageSize: 1 });
  expect(await expectFailure(usage.listMethodUsage({ pageToken: nextPageToken, consumer: "x" }))).toMatchObject({
    reason: "PAGE_TOKEN_INVALID",
  });
});

test("fields are listed by whose requests set them, also those within messages", async () => {
  const { callerOf, usage } = await start();
  const [order, billing] = [callerOf("order/1"), callerOf("billing/2")];
  await order(CUT, { pattern: "a", threads: [{ colour: "red" }, { colour: "blue" }] });
  await order(CUT, { pattern: "b", oldName: "c" });
  await billing(CUT, { threads: [{ dye: "woad" }] });
  const { fields } = await usage.listFieldUsage({});
  expect(
    fields.map(({ message, number, field, consumer, samples, samplesWithField }) => [
      `${message}.${field} = ${number}`,
      consumer?.name,
      samples,
      samplesWithField,
    ]),
  ).toEqual([
    ["cloth.v1.CutRequest.pattern = 1", "order", 2n, 2n],
    ["cloth.v1.CutRequest.old_name = 2", "order", 2n, 1n],
    ["cloth.v1.CutRequest.threads = 3", "order", 2n, 1n],
    ["cloth.v1.CutRequest.threads = 3", "billing", 1n, 1n],
    ["cloth.v1.Thread.colour = 1", "order", 2n, 1n],
    ["cloth.v1.Thread.dye = 2", "billing", 1n, 1n],
  ]);
  const count = async (filter: object) => (await usage.listFieldUsage(filter)).fields.length;
  expect(await count({ message: "cloth.v1.CutRequest" })).toBe(4);
  expect(await count({ message: "cloth.v1.CutRequest", number: 3, consumer: "billing" })).toBe(1);
  expect(await count({ method: TEAR })).toBe(0);
  const page = await usage.listFieldUsage({ pageSize: 4 });
  const rest = await usage.listFieldUsage({ pageSize: 4, pageToken: page.nextPageToken });
  expect([...page.fields, ...rest.fields]).toEqual(fields);
  expect(rest.nextPageToken).toBe("");
});

test("fields are seen in requests of every protocol, also in those that are answered from what is kept", async () => {
  const { callerOf, json, usage } = await start();
  const request = { pattern: "a" };
  const consumer = { "heddle-consumer": "web/1" };
  for (const path of [CUT, LOOK]) {
    const responses = [
      await json(path, consumer, JSON.stringify(request)),
      await json(path, { ...consumer, "content-type": "application/proto" }, "\n\x01a"),
      await json(path, { ...consumer, "content-type": "application/grpc-web+proto" }, "\0\0\0\0\x03\n\x01a"),
      await json(path === CUT ? "v1/cloth:cut" : "v1/cloth:look", consumer, JSON.stringify(request)),
    ];
    expect(responses.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    await callerOf("web/1")(path, request);
  }
  const { fields } = await usage.listFieldUsage({});
  expect(fields.map(({ message, samples, samplesWithField }) => [message, samples, samplesWithField])).toEqual([
    ["cloth.v1.CutRequest", 5n, 5n],
    ["cloth.v1.LookRequest", 5n, 5n],
  ]);
  const { methods } = await usage.listMethodUsage({ method: LOOK });
  expect(methods.map(({ calls }) => calls)).toEqual([5n]);
});

test("what is deprecated is listed with those who still use it, and the day after which it may be gone", async () => {
  const { callerOf, usage } = await start();
  const [order, billing, audit] = [callerOf("order/1"), callerOf("billing/2"), callerOf("audit/1")];
  await order(CUT, { oldName: "a" });
  await billing(CUT, { pattern: "a" });
  await audit(TEAR, { colour: "red" });
  const { elements } = await usage.listDeprecatedUsage({});
  const told = elements.map(({ element, kind, sunset, evidence, callers, callerCount }) => ({
    element,
    is: [ElementKind[kind], Evidence[evidence], sunset],
    callers: callers.map(({ consumer, calls, samplesWithField }) => [consumer?.name, calls, samplesWithField]).sort(),
    callerCount,
  }));
  expect(told).toEqual([
    {
      element: TEAR,
      is: ["METHOD", "CALLED", "2027-03-31"],
      callers: [["audit", 1n, 0n]],
      callerCount: 1,
    },
    {
      element: "cloth.v1.CutRequest.old_name",
      is: ["FIELD", "FIELD_SET", "2027-03-31"],
      callers: [["order", 1n, 1n]],
      callerCount: 1,
    },
    {
      element: "cloth.v1.Thread.dye",
      is: ["FIELD", "MAY_HOLD", ""],
      callers: [
        ["audit", 1n, 0n],
        ["billing", 1n, 0n],
        ["order", 1n, 0n],
      ],
      callerCount: 3,
    },
  ]);
  expect(elements.every(({ deprecateTime }) => (deprecateTime?.seconds ?? 0n) > 0n)).toBe(true);
  expect((await usage.listDeprecatedUsage({ package: "customer.v1" })).elements).toEqual([]);
  const { nextPageToken } = await usage.listDeprecatedUsage({ pageSize: 2 });
  expect((await usage.listDeprecatedUsage({ pageSize: 2, pageToken: nextPageToken })).elements).toEqual([elements[2]]);
});

test("a report of a service counts with what passed the gateway", async () => {
  const { callerOf, usage } = await start();
  await callerOf("order/1")(CUT, {});
  const report = {
    instanceId: "ins_1",
    sequence: 1n,
    consumerName: "order",
    consumerVersion: "1",
    calls: [{ method: CUT, calls: 4n }],
  };
  await usage.reportUsage(report);
  await usage.reportUsage(report);
  const { methods } = await usage.listMethodUsage({ method: CUT });
  expect(methods.map(({ consumer, calls }) => [consumer?.name, calls])).toEqual([["order", 5n]]);
  for (const wrong of [
    { sequence: 0n },
    { sequence: 2n ** 53n },
    { calls: [{ method: CUT, calls: 1_000_000_001n }] },
    { consumerName: "a b" },
    { consumerVersion: "1/2" },
    { calls: [] },
    { instanceId: "" },
  ])
    expect(await expectFailure(usage.reportUsage({ ...report, ...wrong }))).toMatchObject({ code: "InvalidArgument" });
});
