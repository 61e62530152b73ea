import { create } from "@bufbuild/protobuf";
import { LoginRequestSchema, LogoutRequestSchema } from "@heddle/contracts/auth/v1";
import { ErrorInfoSchema } from "@heddle/contracts/google/rpc";
import fc from "fast-check";
import { expect, test } from "vitest";
import { LoomSchema, PartSchema } from "./fixture-contract.ts";
import { messageHash, withoutSecrets } from "./message-hash.ts";

const all = { without: [] };

test("the order in which map entries were added does not matter", () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.string()), (metadata) => {
      const reversed = Object.fromEntries(Object.entries(metadata).reverse());
      const a = messageHash(ErrorInfoSchema, create(ErrorInfoSchema, { metadata }), all);
      expect(messageHash(ErrorInfoSchema, create(ErrorInfoSchema, { metadata: reversed }), all)).toEqual(a);
    }),
  );
});

test("another value is another hash", () => {
  const a = messageHash(ErrorInfoSchema, create(ErrorInfoSchema, { metadata: { x: "1" } }), all);
  expect(messageHash(ErrorInfoSchema, create(ErrorInfoSchema, { metadata: { x: "2" } }), all)).not.toEqual(a);
});

test("messages of two types with equal bytes have two hashes", () => {
  const a = messageHash(LoginRequestSchema, create(LoginRequestSchema, {}), all);
  expect(messageHash(LogoutRequestSchema, create(LogoutRequestSchema, {}), all)).not.toEqual(a);
});

test("secrets are in no hash, at no depth", () => {
  const loom = (pin: string) =>
    create(LoomSchema, {
      frame: create(PartSchema, { pin }),
      spares: [create(PartSchema, { pin })],
      parts: { a: create(PartSchema, { pin }) },
    });
  expect(messageHash(LoomSchema, loom("1234"), all)).toEqual(messageHash(LoomSchema, loom("5678"), all));
});

test("clearing the secrets of a copy leaves the message as it was", () => {
  const request = create(LoginRequestSchema, { email: "a@example.com", password: "correct horse" });
  expect(withoutSecrets(LoginRequestSchema, request)).toMatchObject({ email: "a@example.com", password: "" });
  expect(request.password).toBe("correct horse");
});
