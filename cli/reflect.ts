import { create, type FileRegistry, fromBinary } from "@bufbuild/protobuf";
import { type FileDescriptorProto, FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import {
  ServerReflection,
  type ServerReflectionRequest,
  ServerReflectionRequestSchema,
  type ServerReflectionResponse,
} from "@heddle/contracts/grpc/reflection/v1";
import { fileRegistryOf } from "@heddle/mesh/contract";
import { Failure } from "./failure.ts";

/** Milliseconds that the gateway gets to tell its contracts. */
const TIMEOUT_MS = 5_000;

/** The contracts of a running mesh, asked for when they are needed. Every method throws a Failure that says what to do. */
export interface Reflection {
  /** What is asked, as `http://127.0.0.1:8080`. */
  readonly gateway: string;
  /** Full names of the services, sorted. */
  services(): Promise<readonly string[]>;
  /** Loads the files of symbols, such as `customer.v1.Customer`, and returns those symbols that nobody knows. */
  load(symbols: readonly string[]): Promise<readonly string[]>;
  /** All that was loaded so far. */
  registry(): FileRegistry;
}

/** Reads contracts by `grpc.reflection.v1`. */
export const reflect = (gateway: string, transport: Transport): Reflection => {
  const client = createClient(ServerReflection, transport);
  const files = new Map<string, FileDescriptorProto>();
  let registry: FileRegistry | undefined;

  const ask = async (questions: readonly Question[]): Promise<ServerReflectionResponse["messageResponse"][]> => {
    const answers: ServerReflectionResponse["messageResponse"][] = [];
    try {
      const requests = questions.map((messageRequest) => create(ServerReflectionRequestSchema, { messageRequest }));
      const replies = client.serverReflectionInfo(streamOf(requests), { timeoutMs: TIMEOUT_MS });
      for await (const { messageResponse } of replies) answers.push(messageResponse);
    } catch (error) {
      throw unreachable(gateway, ConnectError.from(error));
    }
    return answers;
  };

  return {
    gateway,
    async services() {
      const [answer] = await ask([{ case: "listServices", value: "" }]);
      if (answer?.case !== "listServicesResponse") throw strange(gateway);
      return answer.value.service.map(({ name }) => name).sort();
    },
    async load(symbols) {
      if (symbols.length === 0) return [];
      const answers = await ask(symbols.map((value) => ({ case: "fileContainingSymbol", value })));
      const unknown: string[] = [];
      for (const [index, symbol] of symbols.entries()) {
        const answer = answers[index];
        if (answer?.case === "errorResponse" && answer.value.errorCode === Code.NotFound) {
          unknown.push(symbol);
        } else if (answer?.case === "fileDescriptorResponse") {
          for (const bytes of answer.value.fileDescriptorProto) {
            const file = fromBinary(FileDescriptorProtoSchema, bytes);
            files.set(file.name, file);
          }
        } else throw strange(gateway);
      }
      registry = undefined;
      return unknown;
    },
    registry() {
      registry ??= fileRegistryOf(create(FileDescriptorSetSchema, { file: inOrder(files) }));
      return registry;
    },
  };
};

type Question = ServerReflectionRequest["messageRequest"];

async function* streamOf<T>(items: readonly T[]): AsyncIterable<T> {
  yield* items;
}

/** Files behind the files that they import, as a registry wants them. */
const inOrder = (files: ReadonlyMap<string, FileDescriptorProto>): FileDescriptorProto[] => {
  const ordered = new Set<FileDescriptorProto>();
  const add = (name: string): void => {
    const file = files.get(name);
    if (file === undefined || ordered.has(file)) return;
    file.dependency.forEach(add);
    ordered.add(file);
  };
  for (const name of files.keys()) add(name);
  return [...ordered];
};

const NEXT_START = "heddle up starts a mesh, heddle status shows what runs; --gateway names another address.";

const unreachable = (gateway: string, error: ConnectError): Failure => {
  if (error.code === Code.DeadlineExceeded) {
    return new Failure(`The gateway at ${gateway} did not tell its contracts within ${TIMEOUT_MS / 1000} s.`, {
      next: "heddle status shows what runs, heddle logs gateway says what it does.",
      cause: error,
    });
  }
  if (error.code === Code.Unavailable) {
    return new Failure(`No gateway answers at ${gateway}: ${error.rawMessage}.`, { next: NEXT_START, cause: error });
  }
  return new Failure(`What answers at ${gateway} is not a gateway with reflection: ${error.rawMessage}.`, {
    next: NEXT_START,
    cause: error,
  });
};

const strange = (gateway: string): Failure =>
  new Failure(`What answers at ${gateway} does not speak grpc.reflection.v1 as it should.`, { next: NEXT_START });
