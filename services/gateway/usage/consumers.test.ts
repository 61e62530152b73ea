import { ConsumerKind } from "@heddle/contracts/heddle/usage/v1";
import { ANONYMOUS, type Caller } from "@heddle/mesh/identity";
import { HeaderList } from "@heddle/mesh/wire";
import { expect, test } from "vitest";
import { consumerOf, createConsumers } from "./consumers.ts";
import { CONSUMERS_MAX } from "./limits.ts";

const named = (fields: { consumer?: string; agent?: string }, caller: Partial<Caller> = {}) => {
  const headers = HeaderList.of({ "heddle-consumer": fields.consumer, "user-agent": fields.agent });
  const { kind, name, version } = consumerOf(headers, { ...ANONYMOUS, ...caller });
  return `${ConsumerKind[kind]} ${name} ${version}`.trim();
};

test("a consumer is what it proves, else what it declares, else its user agent's product", () => {
  const [consumer, agent] = ["order/1.2.0", "curl/8.5.0"];
  expect(named({ consumer, agent }, { service: "order" })).toBe("SERVICE order 1.2.0");
  expect(named({ consumer: "billing/9", agent }, { service: "order" })).toBe("SERVICE order");
  expect(named({ consumer, agent })).toBe("DECLARED order 1.2.0");
  expect(named({ consumer: "order" })).toBe("DECLARED order");
  expect(named({ agent })).toBe("AGENT curl 8.5.0");
  expect(named({ agent: "grpcurl/v1.9.1 grpc-go/1.61.0" })).toBe("AGENT grpcurl v1.9.1");
  expect(named({ agent: "Java" })).toBe("AGENT Java");
  expect(named({})).toBe("UNKNOWN unknown");
});

test("of users only their program is told, and of browsers nothing that they say of a machine", () => {
  const user: Partial<Caller> = { kind: "user", id: "usr_1" };
  expect(named({ consumer: "app/2" }, user)).toBe("USER app 2");
  expect(named({}, user)).toBe("USER unknown");
  expect(named({ agent: "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36" })).toBe("AGENT browser");
  expect(named({ agent: "Mozilla/5.0 (X11)" }, user)).toBe("USER browser");
});

test.each(["", " ", "/1", "a b/1", "a/1/2", "x".repeat(65), `a/${"1".repeat(33)}`, "ü/1", "a\t", "a/1;DROP"])(
  "a header that is no name and version, %j, is not taken for one",
  (consumer) => {
    expect(named({ consumer, agent: "curl/8" })).toBe("AGENT curl 8");
    expect(named({ consumer: "a/1", agent: consumer })).toBe("DECLARED a 1");
  },
);

const from = (consumer: string, caller: Partial<Caller> = {}) =>
  [HeaderList.of({ "heddle-consumer": consumer }), { ...ANONYMOUS, ...caller }] as const;

test("one consumer is one object, whatever header lists and connections it comes by", () => {
  const consumers = createConsumers([]);
  expect(consumers.of(...from("order/1"))).toBe(consumers.of(...from("order/1")));
  expect(consumers.of(...from("order/1"))).not.toBe(consumers.of(...from("order/2")));
  expect(consumers.of(...from("order/1"))).not.toBe(consumers.of(...from("order/1", { service: "order" })));
  expect(consumers.of(...from("order/1"))).toBe(consumers.named(ConsumerKind.DECLARED, "order", "1"));
});

test("those beyond the bound count as other, but for services that prove who they are", () => {
  const consumers = createConsumers([{ kind: ConsumerKind.DECLARED, name: "remembered", version: "" }]);
  for (let index = 0; index < CONSUMERS_MAX; index++) consumers.of(...from(`c${index}`));
  expect(consumers.of(...from("late/1"))).toBe(consumers.other);
  expect(consumers.of(...from("remembered")).name).toBe("remembered");
  expect(consumers.of(...from("order/1", { service: "order" })).name).toBe("order");
});
