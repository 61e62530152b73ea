import type { FieldDescriptorProto } from "@bufbuild/protobuf/wkt";
import { FieldDescriptorProto_Label } from "@bufbuild/protobuf/wkt";
import type { Chance } from "./chance.ts";
import type { Declared } from "./declared.ts";
import { extensionsOf, fieldsOf } from "./declared.ts";
import type { Unit } from "./units.ts";

/** A field or an extension, of those that fit. */
export const someField = (
  { files }: Unit,
  chance: Chance,
  fits: (field: Declared<FieldDescriptorProto>) => boolean = () => true,
): Declared<FieldDescriptorProto> | undefined => chance.pick([...fieldsOf(files), ...extensionsOf(files)].filter(fits));

/** Whether it is a field and no extension. */
export const isOwn = ({ proto }: Declared<FieldDescriptorProto>): boolean => proto.extendee === "";

export const isEdition = ({ file }: Declared<unknown>): boolean => file.syntax === "editions";

/** A field that somebody has written as required cannot be any of the other things. */
export const isRequired = ({ proto }: Declared<FieldDescriptorProto>): boolean =>
  proto.label === FieldDescriptorProto_Label.REQUIRED;
