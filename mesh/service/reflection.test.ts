import { create, createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { type Client, createClient } from "@connectrpc/connect";
import { ServerReflection, type ServerReflectionRequest } from "@heddle/contracts/grpc/reflection/v1";
import { ServerReflection as ServerReflectionAlpha } from "@heddle/contracts/grpc/reflection/v1alpha";
import { RegistryService } from "@heddle/contracts/heddle/registry/v1";
import { describe, expect, test } from "vitest";
import { startEcho } from "../rpc/fixtures/echo-server.ts";
import { type DescriptorSource, descriptorsOf, reflectionImplementations } from "./reflection.ts";

type Ask = Extract<ServerReflectionRequest["messageRequest"], { case: string }>;

const source = descriptorsOf([RegistryService, ServerReflection]);

const serve = async (descriptors: DescriptorSource = source) => {
  const { transport } = await startEcho({}, { more: reflectionImplementations(descriptors) });
  return { v1: createClient(ServerReflection, transport), v1alpha: createClient(ServerReflectionAlpha, transport) };
};

/** The names of the files in an answer. */
const fileNames = (answer: { fileDescriptorProto: Uint8Array[] }) =>
  answer.fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes).name);

describe.each(["v1", "v1alpha"] as const)("reflection %s", (version) => {
  const ask = async (...asks: Ask[]) => {
    // Both versions have the same messages under other names.
    const client = (await serve())[version] as Client<typeof ServerReflection>;
    async function* requests() {
      for (const messageRequest of asks) yield { host: "loom", messageRequest };
    }
    const answers = [];
    for await (const answer of client.serverReflectionInfo(requests())) answers.push(answer);
    return answers.map(({ messageResponse, validHost, originalRequest }) => {
      expect(validHost).toBe("loom");
      expect(originalRequest?.host).toBe("loom");
      return messageResponse as Extract<typeof messageResponse, { case: string }>;
    });
  };

  test("lists the services by name", async () => {
    const [answer] = await ask({ case: "listServices", value: "" });
    expect(answer).toMatchObject({
      case: "listServicesResponse",
      value: {
        service: [{ name: "grpc.reflection.v1.ServerReflection" }, { name: "heddle.registry.v1.RegistryService" }],
      },
    });
  });

  test("gives a file with all that it imports, directly or not, each once", async () => {
    const [answer] = await ask({ case: "fileByFilename", value: "heddle/registry/v1/registry_service.proto" });
    if (answer?.case !== "fileDescriptorResponse") return expect.fail(answer?.case);
    const names = fileNames(answer.value);
    expect(names[0]).toBe("heddle/registry/v1/registry_service.proto");
    expect(new Set(names).size).toBe(names.length);
    expect(names).toEqual(
      expect.arrayContaining(["heddle/registry/v1/instance.proto", "google/protobuf/descriptor.proto"]),
    );
    const files = answer.value.fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes));
    for (const { dependency } of files) expect(names).toEqual(expect.arrayContaining(dependency));
  });

  test.each([
    ["a service", "heddle.registry.v1.RegistryService", "heddle/registry/v1/registry_service.proto"],
    ["a method", "heddle.registry.v1.RegistryService.Watch", "heddle/registry/v1/registry_service.proto"],
    ["a message", "heddle.registry.v1.Instance", "heddle/registry/v1/instance.proto"],
    ["a field", "heddle.registry.v1.Instance.address", "heddle/registry/v1/instance.proto"],
    ["an enum", "heddle.registry.v1.ServingState", "heddle/registry/v1/instance.proto"],
    ["an extension", "heddle.options.v1.timeout", "heddle/options/v1/options.proto"],
    ["a nested message", "google.protobuf.DescriptorProto.ExtensionRange", "google/protobuf/descriptor.proto"],
    ["a nested enum", "google.protobuf.FieldDescriptorProto.Type", "google/protobuf/descriptor.proto"],
  ])("finds the file of %s", async (_, symbol, file) => {
    const [answer] = await ask({ case: "fileContainingSymbol", value: symbol });
    if (answer?.case !== "fileDescriptorResponse") return expect.fail(answer?.case);
    expect(fileNames(answer.value)[0]).toBe(file);
  });

  test("finds the file of an extension by its number, and all numbers", async () => {
    const containingType = "google.protobuf.MethodOptions";
    const [numbers] = await ask({ case: "allExtensionNumbersOfType", value: containingType });
    if (numbers?.case !== "allExtensionNumbersResponse") return expect.fail(numbers?.case);
    expect(numbers.value.baseTypeName).toBe(containingType);
    expect(numbers.value.extensionNumber.length).toBeGreaterThan(1);
    const files = await ask(
      ...numbers.value.extensionNumber.map(
        (extensionNumber): Ask => ({
          case: "fileContainingExtension",
          value: { $typeName: "grpc.reflection.v1.ExtensionRequest", containingType, extensionNumber },
        }),
      ),
    );
    expect(
      files.map((answer) => answer.case === "fileDescriptorResponse" && fileNames(answer.value)[0]).toSorted(),
    ).toEqual(expect.arrayContaining(["google/api/annotations.proto", "heddle/options/v1/options.proto"]));
  });

  test("knows a type without extensions", async () => {
    const [answer] = await ask({ case: "allExtensionNumbersOfType", value: "heddle.registry.v1.Instance" });
    expect(answer).toMatchObject({ case: "allExtensionNumbersResponse", value: { extensionNumber: [] } });
  });

  test("answers what it does not know with NOT_FOUND, and goes on", async () => {
    const extension = {
      $typeName: "grpc.reflection.v1.ExtensionRequest" as const,
      containingType: "a.B",
      extensionNumber: 1,
    };
    const answers = await ask(
      { case: "fileByFilename", value: "nothing.proto" },
      { case: "fileContainingSymbol", value: "nothing.v1.Nothing" },
      { case: "fileContainingSymbol", value: "" },
      { case: "fileContainingSymbol", value: "x".repeat(100_000) },
      { case: "fileContainingExtension", value: extension },
      { case: "allExtensionNumbersOfType", value: "nothing.v1.Nothing" },
      { case: "listServices", value: "" },
    );
    expect(answers.map(({ case: kind }) => kind)).toEqual([...Array(6).fill("errorResponse"), "listServicesResponse"]);
    for (const answer of answers.slice(0, 6)) {
      expect(answer.value).toMatchObject({ errorCode: 5 });
      expect(JSON.stringify(answer.value).length).toBeLessThan(500);
    }
  });

  test("answers a request that asks for nothing with INVALID_ARGUMENT", async () => {
    const client = (await serve())[version];
    async function* requests() {
      yield {};
    }
    for await (const { messageResponse } of client.serverReflectionInfo(requests())) {
      expect(messageResponse).toMatchObject({ case: "errorResponse", value: { errorCode: 3 } });
    }
  });
});

test("what changes is seen by streams that are open", async () => {
  let version = 1;
  let services = [RegistryService.typeName];
  const { v1 } = await serve({ ...source, version: () => version, services: () => services });
  const turn = Promise.withResolvers<void>();
  async function* requests() {
    yield { messageRequest: { case: "listServices", value: "" } as const };
    await turn.promise;
    yield { messageRequest: { case: "listServices", value: "" } as const };
  }
  const seen: string[][] = [];
  for await (const { messageResponse } of v1.serverReflectionInfo(requests())) {
    if (messageResponse.case === "listServicesResponse")
      seen.push(messageResponse.value.service.map(({ name }) => name));
    services = ["b.v1.B", "a.v1.A"];
    version++;
    turn.resolve();
  }
  expect(seen).toEqual([[RegistryService.typeName], ["a.v1.A", "b.v1.B"]]);
});

test("an answer follows the imports of the files in force, where two packages bring one name", async () => {
  const file = (name: string, dependency: string[] = []) =>
    create(FileDescriptorProtoSchema, { name, package: "a.v1", syntax: "proto3", dependency });
  const build = (...made: ReturnType<typeof file>[]) =>
    createFileRegistry(create(FileDescriptorSetSchema, { file: made }));
  const older = build(file("money.proto"), file("a.proto", ["money.proto"]));
  const newer = build(file("digits.proto"), file("money.proto", ["digits.proto"]));
  const files = [older, newer].flatMap((registry) => [...registry.files]);
  const { v1 } = await serve({ version: () => 0, services: () => [], files: () => files });
  async function* requests() {
    yield { messageRequest: { case: "fileByFilename", value: "a.proto" } as const };
  }
  for await (const { messageResponse } of v1.serverReflectionInfo(requests())) {
    if (messageResponse.case !== "fileDescriptorResponse") return expect.fail(messageResponse.case);
    expect(fileNames(messageResponse.value)).toEqual(["a.proto", "money.proto", "digits.proto"]);
  }
});
