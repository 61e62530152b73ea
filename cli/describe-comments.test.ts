import { create, createFileRegistry } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { CustomerSchema } from "@heddle/contracts/customer/v1";
import { expect, test } from "vitest";
import { commentOf } from "./describe-comments.ts";

const at = (path: number[], leadingComments: string) => ({ path, span: [0, 0, 0], leadingComments });
const file = create(FileDescriptorProtoSchema, {
  name: "shop.proto",
  package: "shop",
  syntax: "proto3",
  messageType: [
    { name: "Ask" },
    {
      name: "Basket",
      nestedType: [{ name: "Line", field: [{ name: "count", number: 1, type: 5, label: 1 }] }],
      enumType: [{ name: "State", value: [{ name: "OPEN", number: 0 }] }],
    },
  ],
  service: [{ name: "Shop", method: [{ name: "Buy", inputType: ".shop.Ask", outputType: ".shop.Basket" }] }],
  sourceCodeInfo: {
    location: [
      at([4, 1], " Basket is full.\n Or not.\n"),
      at([4, 1, 3, 0, 2, 0], " Counts.\n"),
      at([4, 1, 4, 0, 2, 0], " Is open.\n"),
      at([6, 0, 2, 0], " Buys.\n"),
    ],
  },
});
const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: [file] }));

test("comments are found wherever their declaration is nested", () => {
  const [count] = registry.getMessage("shop.Basket.Line")?.fields ?? [];
  const [open] = registry.getEnum("shop.Basket.State")?.values ?? [];
  const [buy] = registry.getService("shop.Shop")?.methods ?? [];
  const basket = registry.getMessage("shop.Basket");
  const found = [basket, count, open, buy].map((desc) => desc && commentOf(desc));
  expect(found).toEqual([[" Basket is full.", " Or not."], [" Counts."], [" Is open."], [" Buys."]]);
});

test("what has no comment, or no source information, has none", () => {
  const ask = registry.getMessage("shop.Ask");
  expect(ask && commentOf(ask)).toEqual([]);
  expect(commentOf(CustomerSchema)).toEqual([]);
});
