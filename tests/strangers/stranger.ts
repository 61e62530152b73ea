import { create, createFileRegistry, type DescFile, type DescService, setExtension } from "@bufbuild/protobuf";
import {
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  MethodOptions_IdempotencyLevel,
  MethodOptionsSchema,
} from "@bufbuild/protobuf/wkt";
import { file_google_api_annotations, HttpRuleSchema, http } from "@heddle/contracts/google/api";
import { AccessSchema, access, file_heddle_options_v1_options } from "@heddle/contracts/heddle/options/v1";
import { type Registration, register } from "@heddle/mesh/discovery";
import { createLog } from "@heddle/mesh/observe";
import { createRpcServer, grpcTransport, type Implementation } from "@heddle/mesh/rpc";
import type { Runtime } from "@heddle/mesh/runtime";

/** A service of a contract that was made up a moment ago: `stranger<n>.v1.StrangerService` with `Greet` and `Count`. */
export interface Stranger {
  readonly service: DescService;
  readonly packageName: string;
  /** Resolves when the registry has admitted it. */
  readonly registered: Promise<void>;
  /** Leaves, then stops serving. */
  stop(): Promise<void>;
}

/** Starts an instance that serves the contract of that number, and registers it. */
export const startStranger = async (n: number, gatewayUrl: string, runtime: Runtime): Promise<Stranger> => {
  const service = strangerService(n);
  const log = createLog({
    service: "stranger",
    level: "silent",
    clock: runtime.clock,
    destination: { write: () => undefined },
  });
  const server = createRpcServer({ implementations: [greeting(service)], runtime, log });
  const { host, port } = await server.listen({ host: "127.0.0.1", port: 0 });
  const registration: Registration = register({
    instance: {
      instanceId: runtime.ids.next("ins"),
      address: `${host}:${port}`,
      definition: { name: `stranger${n}`, version: "1.0.0" },
      services: [service],
    },
    transport: grpcTransport(gatewayUrl, runtime),
    runtime,
    log,
  });
  return {
    service,
    packageName: service.file.proto.package,
    registered: registration.registered,
    async stop() {
      await registration.leave();
      await server.drain(1_000);
    },
  };
};

const greeting = (service: DescService): Implementation => ({
  service,
  handlers: {
    greet: ({ name }: { name: string }) => ({ text: `hello ${name}` }),
    async *count({ name }: { name: string }) {
      for (let number = 1; number <= 3; number++) yield { text: `${name} ${number}` };
    },
  } as unknown as Implementation["handlers"],
});

/** The descriptors of a contract, as if they had been compiled from a .proto file. */
const strangerService = (n: number): DescService => {
  const packageName = `stranger${n}.v1`;
  const file = create(FileDescriptorProtoSchema, {
    name: `stranger${n}/v1/stranger_service.proto`,
    package: packageName,
    syntax: "proto3",
    dependency: [file_google_api_annotations.proto.name, file_heddle_options_v1_options.proto.name],
    messageType: [message("GreetRequest", "name"), message("GreetResponse", "text")],
    service: [
      {
        name: "StrangerService",
        method: [
          { ...method(packageName, "Greet", `/v1/strangers/${n}/{name}`) },
          { ...method(packageName, "Count", `/v1/strangers/${n}/{name}:count`), serverStreaming: true },
        ],
      },
    ],
  });
  const files = [...dependenciesOf(file_google_api_annotations, file_heddle_options_v1_options), file];
  const found = createFileRegistry(create(FileDescriptorSetSchema, { file: files })).getService(
    `${packageName}.StrangerService`,
  );
  if (found === undefined) throw new Error("the contract that was made lacks its service");
  return found;
};

const message = (name: string, field: string) => ({
  name,
  field: [
    {
      name: field,
      jsonName: field,
      number: 1,
      type: FieldDescriptorProto_Type.STRING,
      label: FieldDescriptorProto_Label.OPTIONAL,
    },
  ],
});

const method = (packageName: string, name: string, get: string) => {
  const options = create(MethodOptionsSchema, { idempotencyLevel: MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS });
  setExtension(options, http, create(HttpRuleSchema, { pattern: { case: "get", value: get } }));
  setExtension(options, access, create(AccessSchema, { public: true }));
  return { name, inputType: `.${packageName}.GreetRequest`, outputType: `.${packageName}.GreetResponse`, options };
};

/** Files and all that they import, each after what it needs. */
const dependenciesOf = (...files: readonly DescFile[]): FileDescriptorProto[] => {
  const needed = new Map<string, FileDescriptorProto>();
  const add = (file: DescFile): void => {
    file.dependencies.forEach(add);
    needed.set(file.proto.name, file.proto);
  };
  files.forEach(add);
  return [...needed.values()];
};
