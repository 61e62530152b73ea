import type {
  DescriptorProto,
  EnumDescriptorProto,
  FieldDescriptorProto,
  FileDescriptorProto,
  FileDescriptorSet,
  MethodDescriptorProto,
  ServiceDescriptorProto,
} from "@bufbuild/protobuf/wkt";

/** A place in a file as google.protobuf.SourceCodeInfo writes it: field numbers and indexes from the file down. */
export type SourcePath = readonly number[];

/** An element of a contract, with what it needs to be found, named and understood. */
export interface Node<P, Parent = MessageNode | undefined> {
  readonly proto: P;
  readonly file: FileDescriptorProto;
  /** What it is declared in, if not in the file. For an extension that is not the message that it extends. */
  readonly parent: Parent;
  /** With its package: `order.v1.Order.Line`. */
  readonly fullName: string;
  /** Without its package: `Order.Line`. */
  readonly nestedName: string;
  readonly path: SourcePath;
}

export type MessageNode = Node<DescriptorProto>;
export type EnumNode = Node<EnumDescriptorProto>;
/** A field, or an extension: those have `proto.extendee`. */
export type FieldNode = Node<FieldDescriptorProto>;
export type ServiceNode = Node<ServiceDescriptorProto, undefined>;
export type MethodNode = Node<MethodDescriptorProto, ServiceNode>;

/** A descriptor set by name. Elements of all depths, in the order of their declaration. */
export interface ContractTree {
  readonly files: ReadonlyMap<string, FileDescriptorProto>;
  readonly messages: ReadonlyMap<string, MessageNode>;
  readonly enums: ReadonlyMap<string, EnumNode>;
  readonly services: ReadonlyMap<string, ServiceNode>;
  readonly extensions: ReadonlyMap<string, FieldNode>;
}

/** Indexes a descriptor set. Throws when it holds a name twice: which of the two to compare nobody could say. */
export const contractTree = (set: FileDescriptorSet): ContractTree => {
  const tree = {
    files: new Map<string, FileDescriptorProto>(),
    messages: new Map<string, MessageNode>(),
    enums: new Map<string, EnumNode>(),
    services: new Map<string, ServiceNode>(),
    extensions: new Map<string, FieldNode>(),
  };

  const addMessage = (node: MessageNode): void => {
    add(tree.messages, node);
    const { proto } = node;
    proto.nestedType.forEach((nested, index) => {
      addMessage(nodeOf(nested, node.file, node, [...node.path, 3, index]));
    });
    proto.enumType.forEach((nested, index) => {
      add(tree.enums, nodeOf(nested, node.file, node, [...node.path, 4, index]));
    });
    proto.extension.forEach((nested, index) => {
      add(tree.extensions, nodeOf(nested, node.file, node, [...node.path, 6, index]));
    });
  };

  for (const file of set.file) {
    if (tree.files.has(file.name)) throw new Error(`The descriptor set holds ${file.name} twice.`);
    tree.files.set(file.name, file);
    file.messageType.forEach((proto, index) => {
      addMessage(nodeOf(proto, file, undefined, [4, index]));
    });
    file.enumType.forEach((proto, index) => {
      add(tree.enums, nodeOf(proto, file, undefined, [5, index]));
    });
    file.service.forEach((proto, index) => {
      add(tree.services, nodeOf(proto, file, undefined, [6, index]));
    });
    file.extension.forEach((proto, index) => {
      add(tree.extensions, nodeOf(proto, file, undefined, [7, index]));
    });
  }
  return tree;
};

/** The fields of a message by number, extensions not among them. */
export const fieldsOf = (message: MessageNode): ReadonlyMap<number, FieldNode> =>
  new Map(
    message.proto.field.map((proto, index) => [
      proto.number,
      nodeOf(proto, message.file, message, [...message.path, 2, index]),
    ]),
  );

/** The methods of a service by name. */
export const methodsOf = (service: ServiceNode): ReadonlyMap<string, MethodNode> =>
  new Map(
    service.proto.method.map((proto, index) => [
      proto.name,
      nodeOf(proto, service.file, service, [...service.path, 2, index]),
    ]),
  );

/** The name of a type as a field or a method holds it, without the dot that says that it is complete. */
export const typeNameOf = (name: string): string => name.replace(/^\./, "");

const nodeOf = <P extends { name: string }, Parent extends { fullName: string; nestedName: string } | undefined>(
  proto: P,
  file: FileDescriptorProto,
  parent: Parent,
  path: SourcePath,
): Node<P, Parent> => {
  const scope = parent?.fullName ?? file.package;
  return {
    proto,
    file,
    parent,
    fullName: scope === "" ? proto.name : `${scope}.${proto.name}`,
    nestedName: parent === undefined ? proto.name : `${parent.nestedName}.${proto.name}`,
    path,
  };
};

const add = <N extends { fullName: string; file: FileDescriptorProto }>(nodes: Map<string, N>, node: N): void => {
  const other = nodes.get(node.fullName);
  if (other !== undefined) {
    throw new Error(
      `The descriptor set defines ${node.fullName} in ${other.file.name} and again in ${node.file.name}.`,
    );
  }
  nodes.set(node.fullName, node);
};
