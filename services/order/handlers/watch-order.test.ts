import { OrderState } from "@heddle/contracts/order/v1";
import { expectFailure } from "@heddle/mesh/testing";
import { expect, test, vi } from "vitest";
import { fakeOwners } from "../fixtures/fake-owners.ts";
import { LINES, startOrder } from "../fixtures/start-order.ts";

const { PENDING, CONFIRMED, REJECTED, CANCELLED, FULFILLED } = OrderState;

type Service = Awaited<ReturnType<typeof startOrder>>;

/** Watches an order in the background; `seen` grows as transitions come, `ended` settles with the stream. */
const watch = ({ client }: Service, request: { orderId: string; afterSequence?: bigint }, signal?: AbortSignal) => {
  const seen: { sequence: bigint; to: OrderState; now: OrderState }[] = [];
  const read = async () => {
    for await (const { transition, order } of client.watchOrder(request, signal && { signal })) {
      seen.push({ sequence: transition?.sequence ?? 0n, to: transition?.toState ?? 0, now: order?.state ?? 0 });
    }
  };
  return { seen, ended: read() };
};

test("a watch sends what was, then what comes, and ends when the order is cancelled", async () => {
  const service = await startOrder();
  const { id: orderId } = await service.place();
  const { seen, ended } = watch(service, { orderId });
  await vi.waitFor(() => expect(seen).toHaveLength(2));
  await service.client.fulfilOrder({ orderId });
  await vi.waitFor(() => expect(seen).toHaveLength(3));
  await service.client.cancelOrder({ orderId });
  await ended;
  expect(seen.map(({ sequence, to }) => [sequence, to])).toEqual([
    [1n, PENDING],
    [2n, CONFIRMED],
    [3n, FULFILLED],
    [4n, CANCELLED],
  ]);
  // The order may be ahead of the transition, never behind.
  expect(seen.map(({ now }) => now)).toEqual([CONFIRMED, CONFIRMED, FULFILLED, CANCELLED]);
});

test("a watch from a sequence on leaves out what was before, and none after", async () => {
  const service = await startOrder();
  const { id: orderId } = await service.place();
  await service.client.cancelOrder({ orderId });
  const { seen, ended } = watch(service, { orderId, afterSequence: 1n });
  await ended;
  expect(seen.map(({ sequence }) => sequence)).toEqual([2n, 3n]);
  const late = watch(service, { orderId, afterSequence: 2n ** 63n - 1n });
  await late.ended;
  expect(late.seen).toEqual([]);
});

test("a watch of a rejected order ends with its rejection", async () => {
  const owners = fakeOwners();
  owners.score = () => 300;
  const service = await startOrder({ owners });
  const { id: orderId } = await service.place({ lines: [{ ...LINES[0], quantity: 100 }] });
  const { seen, ended } = watch(service, { orderId });
  await ended;
  expect(seen.map(({ to }) => to)).toEqual([PENDING, REJECTED]);
});

test("a watch of a pending order tells how it ends, while the placing call still waits", async () => {
  const owners = fakeOwners();
  let release: ((score: number) => void) | undefined;
  owners.score = () =>
    new Promise((resolve) => {
      release = resolve;
    });
  const service = await startOrder({ owners });
  const placed = service.place();
  await vi.waitFor(() => expect(release).toBeDefined());
  const [order] = (await service.client.listOrders({})).orders;
  const { seen, ended } = watch(service, { orderId: order?.id ?? "" });
  await vi.waitFor(() => expect(seen.map(({ now }) => now)).toEqual([PENDING]));
  release?.(700);
  await vi.waitFor(() => expect(seen.map(({ to }) => to)).toEqual([PENDING, CONFIRMED]));
  await service.client.cancelOrder({ orderId: (await placed).id });
  await ended;
});

test("every one of many watchers gets every transition once", async () => {
  const service = await startOrder();
  const { id: orderId } = await service.place();
  const watchers = Array.from({ length: 20 }, () => watch(service, { orderId }));
  await service.client.fulfilOrder({ orderId });
  await service.client.cancelOrder({ orderId });
  await Promise.all(watchers.map(({ ended }) => ended));
  for (const { seen } of watchers) expect(seen.map(({ sequence }) => sequence)).toEqual([1n, 2n, 3n, 4n]);
});

test("a change that another instance on the same store made is seen", async () => {
  const service = await startOrder({ realTime: true, replicas: true });
  const other = await startOrder({
    owners: service.owners,
    dataFolder: service.dataFolder,
    realTime: true,
    replicas: true,
  });
  const { id: orderId } = await service.place();
  const { seen, ended } = watch(service, { orderId });
  await vi.waitFor(() => expect(seen).toHaveLength(2));
  await other.client.cancelOrder({ orderId });
  await ended;
  expect(seen.at(-1)?.to).toBe(CANCELLED);
});

test("a watch ends with its deadline, with its caller, and UNAVAILABLE when the instance stops", async () => {
  const service = await startOrder();
  const { id: orderId } = await service.place();
  const late = async () => {
    for await (const _ of service.client.watchOrder({ orderId }, { timeoutMs: 100 })) void _;
  };
  const [failed] = await Promise.all([expectFailure(late()), service.pass(200)]);
  expect(failed).toMatchObject({ code: "DeadlineExceeded" });
  const controller = new AbortController();
  const left = watch(service, { orderId }, controller.signal);
  await vi.waitFor(() => expect(left.seen).toHaveLength(2));
  controller.abort();
  expect(await expectFailure(left.ended)).toMatchObject({ code: "Canceled" });
  const cut = watch(service, { orderId });
  await vi.waitFor(() => expect(cut.seen).toHaveLength(2));
  const failure = expectFailure(cut.ended);
  await service.stop();
  expect(await failure).toMatchObject({ code: "Unavailable", reason: "DRAINING" });
});

test("a negative sequence is refused", async () => {
  const service = await startOrder();
  const { ended } = watch(service, { orderId: `ord_${"0".repeat(26)}`, afterSequence: -1n });
  expect(await expectFailure(ended)).toMatchObject({ code: "InvalidArgument", fields: ["after_sequence"] });
});
