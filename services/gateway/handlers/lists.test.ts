import { create } from "@bufbuild/protobuf";
import type { HandlerContext } from "@connectrpc/connect";
import {
  GetContractRequestSchema,
  type Instance,
  ListInstancesRequestSchema,
  ListServicesRequestSchema,
  ServingState,
} from "@heddle/contracts/heddle/registry/v1";
import { openTestStore } from "@heddle/mesh/store";
import { expectFailure } from "@heddle/mesh/testing";
import { afterAll, describe, expect, test } from "vitest";
import { contractOf, instanceOf } from "../fixtures/contract.ts";
import { createCatalog } from "../registry/catalog.ts";
import { createContracts } from "../registry/contracts.ts";
import { createInstances } from "../registry/instances.ts";
import { contractStore } from "../store/contract-store.ts";
import { getContract } from "./get-contract.ts";
import { listInstances } from "./list-instances.ts";
import { listServices } from "./list-services.ts";

const loom = contractOf("loom.v1", { LoomService: ["Weave"] });
const newer = contractOf("loom.v2", { LoomService: ["Weave"] });
const context = {} as HandlerContext;

/** 7 services of 3 instances each. */
const start = () => {
  const instances = createInstances();
  for (let s = 6; s >= 0; s--) {
    for (const id of ["c", "a", "b"]) {
      const instance: Instance = { ...instanceOf(`${id}${s}`, loom), serviceName: `loom${s}` };
      instances.enter(instance);
    }
  }
  const services = async (init: { pageSize?: number; pageToken?: string }) =>
    listServices({ instances })(create(ListServicesRequestSchema, init), context);
  const members = async (init: { pageSize?: number; pageToken?: string; serviceName?: string }) =>
    listInstances({ instances })(create(ListInstancesRequestSchema, init), context);
  return { instances, services, members };
};

/** Reads a list to its end, and returns its pages. */
const pages = async <T>(
  read: (pageToken: string) => Promise<{ nextPageToken?: string | undefined; items: readonly T[] }>,
) => {
  const all: (readonly T[])[] = [];
  for (let token = "", i = 0; i === 0 || token !== ""; i++) {
    const { items, nextPageToken } = await read(token);
    all.push(items);
    token = nextPageToken ?? "";
  }
  return all;
};

describe("services", () => {
  test("are listed by name, each once, whatever the page size", async () => {
    const { services } = start();
    const expected = Array.from({ length: 7 }, (_, i) => `loom${i}`);
    for (const pageSize of [0, 1, 3, 7, 8]) {
      const all = await pages(async (pageToken) => {
        const { services: items = [], nextPageToken } = await services({ pageSize, pageToken });
        return { items: items.map(({ serviceName }) => serviceName), nextPageToken };
      });
      expect(all.flat()).toEqual(expected);
      expect(all).toHaveLength(pageSize === 0 ? 1 : Math.ceil(7 / pageSize));
    }
  });

  test("sum up their instances", async () => {
    const { instances, services } = start();
    instances.setState("a0", ServingState.DRAINING);
    instances.enter({ ...instanceOf("d0", newer, loom), serviceName: "loom0", version: "0.9.0" });
    expect((await services({})).services?.[0]).toEqual({
      serviceName: "loom0",
      packages: ["loom.v1", "loom.v2"],
      versions: ["0.9.0", "1.0.0"],
      instanceCount: 4,
      servingCount: 3,
    });
  });

  test("that leave while a caller pages do not shift the others", async () => {
    const { services } = start();
    const first = await services({ pageSize: 3 });
    const next = await services({ pageSize: 3, pageToken: first.nextPageToken ?? "" });
    expect(next.services?.map(({ serviceName }) => serviceName)).toEqual(["loom3", "loom4", "loom5"]);
  });
});

describe("instances", () => {
  test("are listed by service and id, each once, whatever the page size", async () => {
    const { members } = start();
    for (const pageSize of [0, 1, 2, 4, 21, 100]) {
      const all = await pages(async (pageToken) => {
        const { instances: items = [], nextPageToken } = await members({ pageSize, pageToken });
        return { items: items.map(({ instanceId }) => instanceId), nextPageToken };
      });
      expect(all.flat()).toEqual(Array.from({ length: 7 }, (_, s) => [`a${s}`, `b${s}`, `c${s}`]).flat());
    }
  });

  test("are those of one service when it is named", async () => {
    const { members } = start();
    const all = await pages(async (pageToken) => {
      const { instances: items = [], nextPageToken } = await members({ serviceName: "loom4", pageSize: 2, pageToken });
      return { items: items.map(({ instanceId }) => instanceId), nextPageToken };
    });
    expect(all).toEqual([["a4", "b4"], ["c4"]]);
    expect((await members({ serviceName: "nobody" })).instances).toEqual([]);
  });

  test("of another question do not continue a page", async () => {
    const { members, services } = start();
    const { nextPageToken: pageToken = "" } = await members({ serviceName: "loom4", pageSize: 2 });
    for (const ask of [
      () => members({ pageToken }),
      () => services({ pageToken }),
      () => members({ pageToken: "x" }),
    ]) {
      expect(await expectFailure(ask())).toMatchObject({ code: "InvalidArgument", reason: "PAGE_TOKEN_INVALID" });
    }
  });
});

describe("a contract", () => {
  const contracts = createContracts();
  contracts.add(loom.contract);
  contracts.admit([loom.offer]);
  const store = openTestStore(new URL("../migrations/", import.meta.url));
  afterAll(async () => (await store).close());
  const get = async (lookup: { case: "contractHash" | "package"; value: string }) =>
    getContract({ contracts, catalog: createCatalog([], contracts), store: await store, kept: contractStore() })(
      create(GetContractRequestSchema, { lookup }),
      context,
    );

  test("is found by its hash and by its package", async () => {
    const { contractHash, fileDescriptorSet } = loom.contract;
    const found = { contractHash, fileDescriptorSet };
    expect((await get({ case: "contractHash", value: loom.offer.contractHash })).contract).toMatchObject(found);
    expect((await get({ case: "package", value: "loom.v1" })).contract).toMatchObject(found);
  });

  test("that is not known is NOT_FOUND", async () => {
    for (const lookup of [
      { case: "contractHash", value: "0".repeat(64) },
      { case: "package", value: "nobody.v1" },
    ] as const) {
      expect(await expectFailure(get(lookup))).toMatchObject({
        code: "NotFound",
        reason: "CONTRACT_NOT_FOUND",
        metadata: { contract: lookup.value },
      });
    }
  });
});
