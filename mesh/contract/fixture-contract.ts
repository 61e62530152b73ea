import type { DescMessage } from "@bufbuild/protobuf";
import { create, createFileRegistry, setExtension } from "@bufbuild/protobuf";
import type { FieldDescriptorProto, FieldOptions } from "@bufbuild/protobuf/wkt";
import {
  FieldDescriptorProtoSchema,
  FieldOptionsSchema,
  FileDescriptorSetSchema,
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
} from "@bufbuild/protobuf/wkt";
import { ConnectError } from "@connectrpc/connect";
import { FieldBehavior, field_behavior } from "@heddle/contracts/google/api";
import { BadRequestSchema } from "@heddle/contracts/google/rpc";
import { Sensitivity, sensitive } from "@heddle/contracts/heddle/options/v1";
import { expectFailure, type Failure } from "../testing/expect-failure.ts";

/** How a call of `work` fails. */
export const failureOf = (work: () => unknown): Promise<Failure> => expectFailure((async () => work())());

/** The violations with which `work` fails, as `field: description`. */
export const violationsOf = (work: () => unknown): string[] => {
  try {
    work();
  } catch (error) {
    return ConnectError.from(error)
      .findDetails(BadRequestSchema)
      .flatMap(({ fieldViolations }) => fieldViolations.map(({ field, description }) => `${field}: ${description}`));
  }
  throw new Error("it did not fail");
};

interface FieldOf {
  readonly type?: Type;
  /** The name of a message of the fixture. */
  readonly of?: string;
  readonly repeated?: boolean;
  readonly oneof?: boolean;
  readonly behavior?: FieldBehavior;
  readonly sensitivity?: Sensitivity;
}

const field = (name: string, number: number, options: FieldOf = {}): FieldDescriptorProto =>
  create(FieldDescriptorProtoSchema, {
    name,
    number,
    label: options.repeated ? Label.REPEATED : Label.OPTIONAL,
    type: options.type ?? (options.of === undefined ? Type.STRING : Type.MESSAGE),
    ...(options.of === undefined ? {} : { typeName: `.fixture.v1.${options.of}` }),
    ...(options.oneof ? { oneofIndex: 0 } : {}),
    options: optionsOf(options),
  });

const optionsOf = ({ behavior, sensitivity }: FieldOf): FieldOptions => {
  const options = create(FieldOptionsSchema);
  if (behavior !== undefined) setExtension(options, field_behavior, [behavior]);
  if (sensitivity !== undefined) setExtension(options, sensitive, sensitivity);
  return options;
};

const mapEntry = (name: string, value: FieldDescriptorProto) => ({
  name,
  field: [field("key", 1), value],
  options: { mapEntry: true },
});

const registry = createFileRegistry(
  create(FileDescriptorSetSchema, {
    file: [
      {
        name: "fixture/v1/loom.proto",
        package: "fixture.v1",
        syntax: "proto3",
        messageType: [
          {
            name: "Loom",
            oneofDecl: [{ name: "drive" }],
            nestedType: [
              mapEntry("LabelsEntry", field("value", 2)),
              mapEntry("SecretsEntry", field("value", 2)),
              mapEntry("PartsEntry", field("value", 2, { of: "Part" })),
            ],
            field: [
              field("id", 1, { behavior: FieldBehavior.IDENTIFIER }),
              field("display_name", 2),
              field("frame", 3, { of: "Part" }),
              field("spares", 4, { of: "Part", repeated: true }),
              field("labels", 5, { of: "Loom.LabelsEntry", repeated: true }),
              field("secrets", 6, { of: "Loom.SecretsEntry", repeated: true, sensitivity: Sensitivity.PERSONAL }),
              field("parts", 7, { of: "Loom.PartsEntry", repeated: true }),
              field("hand", 8, { oneof: true }),
              field("motor", 9, { oneof: true }),
              field("twin", 10, { of: "Loom" }),
              field("etag", 11),
              field("threads", 12, { type: Type.UINT64 }),
              field("tags", 13, { repeated: true, sensitivity: Sensitivity.PERSONAL }),
            ],
          },
          {
            name: "Part",
            field: [
              field("maker", 1),
              field("serial", 2, { behavior: FieldBehavior.OUTPUT_ONLY }),
              field("pin", 3, { sensitivity: Sensitivity.SECRET }),
              field("mount", 4, { behavior: FieldBehavior.IMMUTABLE }),
            ],
          },
        ],
      },
    ],
  }),
);

const messageOf = (name: string): DescMessage => {
  const desc = registry.getMessage(`fixture.v1.${name}`);
  if (desc === undefined) throw new Error(`the fixture has no ${name}`);
  return desc;
};

/** A contract with everything that those of the services lack, known at run time alone. */
export const LoomSchema: DescMessage = messageOf("Loom");
export const PartSchema: DescMessage = messageOf("Part");
export { registry as fixtureRegistry };
