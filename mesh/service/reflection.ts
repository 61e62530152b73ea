import { type DescExtension, type DescFile, type DescService, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import { ErrorInfoSchema } from "@heddle/contracts/google/rpc";
import { ServerReflection, type ServerReflectionRequest } from "@heddle/contracts/grpc/reflection/v1";
import { ServerReflection as ServerReflectionAlpha } from "@heddle/contracts/grpc/reflection/v1alpha";
import { type Handler, type Implementation, implementation } from "../rpc/index.ts";

/** Where reflection finds contracts. */
export interface DescriptorSource {
  /** Changes whenever the answers of the others may have changed. */
  version(): number;
  /** Every file, with all that they import, each once by name. */
  files(): Iterable<DescFile>;
  /** Full names of the services that are served. */
  services(): readonly string[];
}

/** `grpc.reflection.v1` and `v1alpha`, which older tools still ask for; the two differ in nothing but their name. */
export const reflectionImplementations = (source: DescriptorSource): Implementation[] => {
  const answer = answerer(source);
  const serverReflectionInfo: Handler<typeof ServerReflection.method.serverReflectionInfo> = async function* (
    requests,
  ) {
    for await (const request of requests) yield answer(request);
  };
  return [
    implementation(ServerReflection, { serverReflectionInfo }),
    implementation(ServerReflectionAlpha, {
      serverReflectionInfo: serverReflectionInfo as unknown as Handler<
        typeof ServerReflectionAlpha.method.serverReflectionInfo
      >,
    }),
  ];
};

const answerer = (source: DescriptorSource) => {
  let index = buildIndex(source);
  return (originalRequest: Pick<ServerReflectionRequest, "host" | "messageRequest">) => {
    if (index.version !== source.version()) index = buildIndex(source);
    return {
      validHost: originalRequest.host,
      originalRequest,
      messageResponse: respond(originalRequest.messageRequest, index),
    };
  };
};

const respond = (request: ServerReflectionRequest["messageRequest"], index: Index) => {
  switch (request.case) {
    case "listServices":
      return {
        case: "listServicesResponse" as const,
        value: { service: index.services.map((name) => ({ name })) },
      };
    case "fileByFilename":
      return files(index.byName.get(request.value), index, `File ${request.value}`);
    case "fileContainingSymbol":
      return files(index.bySymbol.get(request.value), index, `Symbol ${request.value}`);
    case "fileContainingExtension": {
      const { containingType, extensionNumber } = request.value;
      const file = index.extensions.get(containingType)?.get(extensionNumber);
      return files(file, index, `Extension ${extensionNumber} of ${containingType}`);
    }
    case "allExtensionNumbersOfType": {
      const extensions = index.extensions.get(request.value);
      if (extensions === undefined && !index.bySymbol.has(request.value)) return notFound(`Type ${request.value}`);
      return {
        case: "allExtensionNumbersResponse" as const,
        value: { baseTypeName: request.value, extensionNumber: [...(extensions?.keys() ?? [])] },
      };
    }
    default:
      return error(Code.InvalidArgument, "The request asks for nothing: set one of message_request.");
  }
};

/** A file with all that it needs, dependencies behind it, as clients like grpcurl expect of one answer. */
const files = (file: DescFile | undefined, index: Index, what: string) => {
  if (file === undefined) return notFound(what);
  const needed = new Map<string, DescFile>();
  const collect = ({ proto: { name } }: DescFile) => {
    const inForce = index.byName.get(name);
    if (inForce === undefined || needed.has(name)) return;
    needed.set(name, inForce);
    // Of the one in force: where packages bring different files of one name, these may differ.
    inForce.dependencies.forEach(collect);
  };
  collect(file);
  const fileDescriptorProto = [...needed.values()].map(({ proto }) => toBinary(FileDescriptorProtoSchema, proto));
  return { case: "fileDescriptorResponse" as const, value: { fileDescriptorProto } };
};

const error = (errorCode: Code, errorMessage: string) => ({
  case: "errorResponse" as const,
  value: { errorCode, errorMessage },
});

const notFound = (what: string) => error(Code.NotFound, `${what.slice(0, 200)} is not known here.`);

interface Index {
  readonly version: number;
  readonly services: readonly string[];
  readonly byName: ReadonlyMap<string, DescFile>;
  readonly bySymbol: ReadonlyMap<string, DescFile>;
  readonly extensions: ReadonlyMap<string, ReadonlyMap<number, DescFile>>;
}

const buildIndex = (source: DescriptorSource): Index => {
  const byName = new Map<string, DescFile>();
  const bySymbol = new Map<string, DescFile>();
  const extensions = new Map<string, Map<number, DescFile>>();
  const addExtension = (extension: DescExtension, file: DescFile) => {
    bySymbol.set(extension.typeName, file);
    const numbers = extensions.get(extension.extendee.typeName) ?? new Map<number, DescFile>();
    extensions.set(extension.extendee.typeName, numbers.set(extension.number, file));
  };
  const addMessages = (messages: DescFile["messages"], file: DescFile) => {
    for (const message of messages) {
      bySymbol.set(message.typeName, file);
      for (const field of message.fields) bySymbol.set(`${message.typeName}.${field.name}`, file);
      for (const nested of message.nestedEnums) bySymbol.set(nested.typeName, file);
      for (const extension of message.nestedExtensions) addExtension(extension, file);
      addMessages(message.nestedMessages, file);
    }
  };
  for (const file of source.files()) {
    byName.set(file.proto.name, file);
    addMessages(file.messages, file);
    for (const service of file.services) {
      bySymbol.set(service.typeName, file);
      for (const method of service.methods) bySymbol.set(`${service.typeName}.${method.name}`, file);
    }
    for (const found of file.enums) bySymbol.set(found.typeName, file);
    for (const extension of file.extensions) addExtension(extension, file);
  }
  return { version: source.version(), services: [...source.services()].sort(), byName, bySymbol, extensions };
};

/** The contracts of a fixed list of services, and of the details that errors carry. */
export const descriptorsOf = (services: readonly DescService[]): DescriptorSource => {
  const files = new Map<string, DescFile>();
  const collect = (file: DescFile) => {
    if (files.has(file.proto.name)) return;
    files.set(file.proto.name, file);
    file.dependencies.forEach(collect);
  };
  for (const { file } of services) collect(file);
  // What errors carry: a client that learns the contracts here can show it.
  collect(ErrorInfoSchema.file);
  return {
    version: () => 0,
    files: () => files.values(),
    services: () => services.map(({ typeName }) => typeName),
  };
};
