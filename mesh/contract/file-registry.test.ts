import { create, toBinary } from "@bufbuild/protobuf";
import {
  FileDescriptorSetSchema,
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
} from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import { parseDescriptorSet } from "./descriptor-set.ts";

const field = (name: string, number: number, jsonName?: string) => ({
  name,
  number,
  type: Type.STRING,
  label: Label.OPTIONAL,
  ...(jsonName === undefined ? {} : { jsonName }),
});

test("fields without a JSON name get the one that a compiler gives; one that is set stays", () => {
  const set = create(FileDescriptorSetSchema, {
    file: [
      {
        name: "loom/v1/loom.proto",
        package: "loom.v1",
        syntax: "proto3",
        messageType: [
          {
            name: "Thread",
            field: [field("thread_color", 1), field("weight", 2, "grams"), field("a__b_", 3)],
            nestedType: [{ name: "Knot", field: [field("knot_kind", 1)] }],
          },
        ],
      },
    ],
  });
  const { registry } = parseDescriptorSet(toBinary(FileDescriptorSetSchema, set), "loom.v1");
  const namesIn = (message: string) => registry.getMessage(message)?.fields.map(({ jsonName }) => jsonName);
  expect(namesIn("loom.v1.Thread")).toEqual(["threadColor", "grams", "aB"]);
  expect(namesIn("loom.v1.Thread.Knot")).toEqual(["knotKind"]);
});
