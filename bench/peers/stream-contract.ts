import { create, createFileRegistry, type Message, setExtension, toBinary } from "@bufbuild/protobuf";
import type { GenMessage, GenService } from "@bufbuild/protobuf/codegenv2";
import {
  FileDescriptorProtoSchema,
  FieldDescriptorProto_Label as Label,
  MethodOptionsSchema,
  FieldDescriptorProto_Type as Type,
} from "@bufbuild/protobuf/wkt";
import { AccessSchema, access } from "@heddle/contracts/heddle/options/v1";

/** Asks for a stream of so many messages. */
export type StreamRequest = Message<"bench.v1.StreamRequest"> & { messages: number };
/** One message of the stream. */
export type StreamReply = Message<"bench.v1.StreamReply"> & { text: string };

const options = create(MethodOptionsSchema);
setExtension(options, access, create(AccessSchema, { public: true }));

const file = create(FileDescriptorProtoSchema, {
  name: "bench/v1/stream_service.proto",
  package: "bench.v1",
  syntax: "proto3",
  messageType: [
    {
      name: "StreamRequest",
      field: [{ name: "messages", jsonName: "messages", number: 1, label: Label.OPTIONAL, type: Type.INT32 }],
    },
    {
      name: "StreamReply",
      field: [{ name: "text", jsonName: "text", number: 1, label: Label.OPTIONAL, type: Type.STRING }],
    },
  ],
  service: [
    {
      name: "StreamService",
      method: [
        {
          name: "Send",
          inputType: ".bench.v1.StreamRequest",
          outputType: ".bench.v1.StreamReply",
          serverStreaming: true,
          options,
        },
      ],
    },
  ],
});

const registry = createFileRegistry(file, () => undefined);

export const StreamRequestSchema = registry.getMessage(
  "bench.v1.StreamRequest",
) as unknown as GenMessage<StreamRequest>;
export const StreamReplySchema = registry.getMessage("bench.v1.StreamReply") as unknown as GenMessage<StreamReply>;

/** The contract of the streaming workload, made at run time: it is nobody's but the benchmark's. */
export const StreamService = registry.getService("bench.v1.StreamService") as unknown as GenService<{
  send: { methodKind: "server_streaming"; input: typeof StreamRequestSchema; output: typeof StreamReplySchema };
}>;

export const STREAM_PATH = "/bench.v1.StreamService/Send";

/** What every contestant sends, again and again; each time it is encoded anew. */
export const REPLY = create(StreamReplySchema, { text: "a hundred bytes with tag and length ".padEnd(98, ".") });

export const REPLY_BYTES = 100;
if (toBinary(StreamReplySchema, REPLY).length !== REPLY_BYTES) throw new Error("a message is not of 100 bytes");

/** The handler of those servers that take an async generator. */
export async function* send({ messages }: { readonly messages: number }): AsyncGenerator<StreamReply> {
  for (let sent = 0; sent < messages; sent++) yield REPLY;
}
