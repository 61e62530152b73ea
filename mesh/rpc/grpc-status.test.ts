import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema } from "@heddle/contracts/google/rpc";
import { assert, double, property, string } from "fast-check";
import { expect, test } from "vitest";
import { HeaderList } from "../wire/index.ts";
import {
  decodeGrpcMessage,
  encodeBinaryValue,
  encodeGrpcMessage,
  formatGrpcTimeout,
  parseGrpcTimeout,
  readStatus,
  statusFields,
} from "./grpc-status.ts";

test.each([
  ["1H", 3_600_000],
  ["2M", 120_000],
  ["3S", 3_000],
  ["4m", 4],
  ["5u", 0.005],
  ["6n", 0.000006],
  ["0m", 0],
  ["99999999H", 359_999_996_400_000],
])("the timeout %s is %d ms", (text, ms) => {
  expect(parseGrpcTimeout(text)).toBe(ms);
});

test.each(["", "m", "1", "1s", "-1m", "1.5S", "123456789m", " 1m", "1m ", "1mm", "0x1m", "١m"])(
  "%j is no timeout",
  (text) => {
    expect(parseGrpcTimeout(text)).toBeUndefined();
  },
);

test("a timeout is told in eight digits, never shortened, and by at most one unit longer", () => {
  const cases = property(double({ min: 0, max: 1e15, noNaN: true }), (ms) => {
    const text = formatGrpcTimeout(ms);
    expect(text).toMatch(/^\d{1,8}[HMSm]$/);
    const told = parseGrpcTimeout(text) as number;
    const unitMs = { m: 1, S: 1_000, M: 60_000, H: 3_600_000 }[text.at(-1) as "m"];
    expect(told).toBeGreaterThanOrEqual(Math.min(ms, 99_999_999 * 3_600_000));
    expect(told - ms).toBeLessThanOrEqual(unitMs);
  });
  assert(cases);
  expect(formatGrpcTimeout(250)).toBe("250m");
  expect(formatGrpcTimeout(0)).toBe("1m");
});

test("a message comes back from printable ASCII as it was", () => {
  const cases = property(string({ unit: "binary" }), (message) => {
    const encoded = encodeGrpcMessage(message);
    expect(encoded).toMatch(/^[\x20-\x7e]*$/);
    expect(decodeGrpcMessage(encoded)).toBe(message);
  });
  assert(cases);
  expect(encodeGrpcMessage("plain (text)!")).toBe("plain (text)!");
  expect(encodeGrpcMessage("50% ☃\n")).toBe("50%25 %E2%98%83%0A");
});

test.each([
  ["100%", "100%"],
  ["%4", "%4"],
  ["%zz", "%zz"],
  ["a%20b%", "a b%"],
  ["\xe2\x98\x83", "☃"],
  ["%ff", "\ufffd"],
])("the malformed message %j is read as %j", (text, message) => {
  expect(decodeGrpcMessage(text)).toBe(message);
});

test("an error survives its way through trailers, details and all", () => {
  const error = new ConnectError("no ☃ here", Code.NotFound, { "x-why": "melted", "grpc-status": "0", te: "x" }, [
    { desc: ErrorInfoSchema, value: { reason: "MELTED", domain: "snow" } },
  ]);
  const fields = statusFields(error);
  expect(fields).not.toContain("te");
  const trailers = new HeaderList(fields);
  expect(trailers.get("x-why")).toBe("melted");
  expect(trailers.get("grpc-status")).toBe("5");
  expect(trailers.get("grpc-status-details-bin")).not.toContain("=");
  const read = readStatus(trailers) as ConnectError;
  expect(read).toMatchObject({ code: Code.NotFound, rawMessage: "no ☃ here" });
  expect(read.findDetails(ErrorInfoSchema)).toMatchObject([{ reason: "MELTED", domain: "snow" }]);
});

test("the metadata of an error from another hop stays behind", () => {
  const error = new ConnectError("a", Code.Internal, { "x-theirs": "1" });
  error.isWireError = true;
  expect(statusFields(error)).toEqual(["grpc-status", "13", "grpc-message", "a"]);
});

test("OK, silence and nonsense are three things", () => {
  expect(readStatus(new HeaderList(statusFields(undefined)))).toBeNull();
  expect(readStatus(new HeaderList(["x", "y"]))).toBeUndefined();
  for (const status of ["17", "-1", "five", "", "0x5", "1.5"])
    expect(readStatus(new HeaderList(["grpc-status", status]))).toMatchObject({ code: Code.Internal });
});

test("bytes are base64 without padding", () => {
  for (const [bytes, text] of [
    [[], ""],
    [[0], "AA"],
    [[0, 1], "AAE"],
    [[0, 1, 2], "AAEC"],
    [[255, 254], "//4"],
  ] as const)
    expect(encodeBinaryValue(Uint8Array.from(bytes))).toBe(text);
});
