import type { DescEnum, DescFile, DescMessage, DescMethod, DescService } from "@bufbuild/protobuf";
import { getOption } from "@bufbuild/protobuf";
import { field_sunset, method_sunset, service_sunset } from "@heddle/contracts/heddle/options/v1";
import { ElementKind } from "@heddle/contracts/heddle/usage/v1";
import { methodName } from "@heddle/mesh/contract";
import type { PackageContract } from "../registry/contracts.ts";

/** Something that a contract says is deprecated. */
export interface DeprecatedElement {
  /** Such as `customer.v1.CustomerService/GetCustomer`, `customer.v1.Customer.email` or `customer/v1/customer.proto`. */
  readonly name: string;
  readonly kind: ElementKind;
  /** The day after which it may be gone, as the contract has it; empty when that says none. */
  readonly sunset: string;
  /** What it makes deprecated by itself: methods that are called. */
  readonly methods: readonly DescMethod[];
  /** The message or enum that holds it; undefined for what is called. */
  readonly type: DescMessage | DescEnum | undefined;
  /** A field's number; 0 for what is no field. */
  readonly number: number;
}

/** What a package version's own files say is deprecated; what is within something deprecated is told of only if it says so itself. */
export const deprecatedElements = ({ name, registry }: PackageContract): DeprecatedElement[] =>
  [...registry.files].filter(({ proto }) => proto.package === name).flatMap(ofFile);

const ofFile = (file: DescFile): DeprecatedElement[] => [
  ...(isDeprecated(file) ? [called(file.proto.name, ElementKind.FILE, "", file.services.flatMap(methodsOf))] : []),
  ...file.services.flatMap(ofService),
  ...file.messages.flatMap(ofMessage),
  ...file.enums.flatMap(ofEnum),
];

const ofService = (service: DescService): DeprecatedElement[] => [
  ...(isDeprecated(service)
    ? [called(service.typeName, ElementKind.SERVICE, getOption(service, service_sunset), methodsOf(service))]
    : []),
  ...service.methods
    .filter(isDeprecated)
    .map((method) => called(methodName(method), ElementKind.METHOD, getOption(method, method_sunset), [method])),
];

const ofMessage = (message: DescMessage): DeprecatedElement[] => [
  ...(isDeprecated(message) ? [held(message.typeName, ElementKind.MESSAGE, message)] : []),
  ...message.fields.filter(isDeprecated).map((field) => ({
    ...held(`${message.typeName}.${field.name}`, ElementKind.FIELD, message),
    sunset: getOption(field, field_sunset),
    number: field.number,
  })),
  ...message.nestedMessages.flatMap(ofMessage),
  ...message.nestedEnums.flatMap(ofEnum),
];

const ofEnum = (type: DescEnum): DeprecatedElement[] => [
  ...(isDeprecated(type) ? [held(type.typeName, ElementKind.ENUM, type)] : []),
  ...type.values
    .filter(isDeprecated)
    .map((value) => held(`${type.typeName}.${value.name}`, ElementKind.ENUM_VALUE, type)),
];

const called = (
  name: string,
  kind: ElementKind,
  sunset: string,
  methods: readonly DescMethod[],
): DeprecatedElement => ({
  name,
  kind,
  sunset,
  methods,
  type: undefined,
  number: 0,
});

const held = (name: string, kind: ElementKind, type: DescMessage | DescEnum): DeprecatedElement => ({
  name,
  kind,
  sunset: "",
  methods: [],
  type,
  number: 0,
});

const methodsOf = ({ methods }: DescService): readonly DescMethod[] => methods;

const isDeprecated = ({
  proto,
}: {
  readonly proto: { readonly options?: { readonly deprecated: boolean } };
}): boolean => proto.options?.deprecated === true;
