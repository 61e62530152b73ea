import type { DescMethod } from "@bufbuild/protobuf";

/** `order.v1.OrderService/GetOrder` */
export const methodName = ({ parent, name }: DescMethod): string => `${parent.typeName}/${name}`;

/** The path of a method's calls: `/order.v1.OrderService/GetOrder`. */
export const methodPath = (method: DescMethod): string => `/${methodName(method)}`;
