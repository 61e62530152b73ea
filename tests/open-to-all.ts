import { clone, create, createFileRegistry, type DescFile, type DescService, setExtension } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema, MethodOptionsSchema } from "@bufbuild/protobuf/wkt";
import { AccessSchema, access, file_heddle_options_v1_options } from "@heddle/contracts/heddle/options/v1";

/** A contract that knows nothing of the mesh, with what the mesh asks of it: who may call each method, which is anybody. */
export const openToAll = (service: DescService): DescService => {
  const files = new Map<string, DescFile>();
  const add = (file: DescFile): void => {
    for (const dependency of file.dependencies) add(dependency);
    files.set(file.proto.name, file);
  };
  add(file_heddle_options_v1_options);
  add(service.file);
  const protos = [...files.values()].map(({ proto }) => {
    if (proto !== service.file.proto) return proto;
    const opened = clone(FileDescriptorProtoSchema, proto);
    opened.dependency.push(file_heddle_options_v1_options.proto.name);
    for (const method of opened.service.flatMap((each) => each.method)) {
      method.options ??= create(MethodOptionsSchema);
      setExtension(method.options, access, create(AccessSchema, { public: true }));
    }
    return opened;
  });
  const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: protos }));
  return registry.getService(service.typeName) as DescService;
};
