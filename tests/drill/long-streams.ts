import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { ErrorInfoSchema } from "@heddle/contracts/google/rpc";
import { Health, HealthCheckResponse_ServingStatus as ServingStatus } from "@heddle/contracts/grpc/health/v1";
import { EventFeedService } from "@heddle/contracts/heddle/events/v1";
import { OrderService } from "@heddle/contracts/order/v1";
import { addressedTo } from "@heddle/mesh/rpc";
import type { Clock, Timers } from "@heddle/mesh/runtime";
import { Continuity } from "./continuity.ts";
import type { Prepared } from "./prepare.ts";
import { countCall, countFailure, type Tally } from "./tally.ts";

/** Whose events are followed: those that the load makes happen. */
const FEEDS = ["customer", "order", "billing"];
/** Services whose health is followed. */
const WATCHED = ["customer.v1.CustomerService", "order.v1.OrderService"];
/** Reasons by which a stream is told to go on elsewhere. */
const TOLD: ReadonlySet<string> = new Set(["DRAINING", "FEED_STOPPING"]);
/** Milliseconds from the end of a stream to the next one, so that nobody is asked again and again who has just said no. */
const AGAIN_AFTER_MS = 50;
/** Milliseconds in which streams get what is still to come when the load has ended. */
export const LAST_MESSAGES_MS = 2_000;

/** Streams that are followed until `signal` aborts, each taken up where it ended. */
export const followStreams = (
  transport: Transport,
  { openOrderIds }: Prepared,
  tally: Tally,
  { clock, timers }: { clock: Clock; timers: Timers },
  signal: AbortSignal,
): Promise<unknown> => {
  /** Opens a stream again and again, and says what became of each. */
  const follow = async (method: string, once: () => Promise<void>): Promise<void> => {
    while (!signal.aborted) {
      tally.streams.opened++;
      const error = await once().then(
        () => undefined,
        (thrown: unknown) => ConnectError.from(thrown),
      );
      countCall(tally, method, undefined);
      if (signal.aborted) return;
      const reason = error?.findDetails(ErrorInfoSchema)[0]?.reason ?? "";
      if (TOLD.has(reason)) tally.streams.told++;
      else {
        const code = error === undefined ? "Ended" : (Code[error.code] ?? "");
        countFailure(tally, { method, code, reason, message: error?.rawMessage ?? "", atMs: clock.nowMs() });
      }
      await timers.sleep(AGAIN_AFTER_MS, signal).catch(() => undefined);
    }
  };

  const orders = createClient(OrderService, transport);
  const watchOrder = (orderId: string) => {
    const seen = new Continuity(tally.streams);
    return follow("order.v1.OrderService/WatchOrder", async () => {
      for await (const { transition } of orders.watchOrder({ orderId, afterSequence: seen.last }, { signal })) {
        seen.take(transition?.sequence ?? 0n);
      }
    });
  };
  const followFeed = (service: string) => {
    const feed = createClient(EventFeedService, addressedTo(transport, service));
    const seen = new Continuity(tally.streams);
    return follow("heddle.events.v1.EventFeedService/Subscribe", async () => {
      for await (const { body } of feed.subscribe({ afterSequence: seen.last, subscriber: "drill" }, { signal })) {
        if (body.case === "event") seen.take(body.value.sequence);
        if (body.case === "heartbeat" && body.value.lastSequence > seen.last) {
          // It says that all was sent.
          tally.streams.gaps += Number(body.value.lastSequence - seen.last);
        }
      }
    });
  };
  const health = createClient(Health, transport);
  const watchHealth = (service: string) =>
    follow("grpc.health.v1.Health/Watch", async () => {
      for await (const { status } of health.watch({ service }, { signal })) {
        tally.streams.messages++;
        if (status !== ServingStatus.SERVING) tally.streams.notServing++;
      }
    });

  return Promise.all([...openOrderIds.map(watchOrder), ...FEEDS.map(followFeed), ...WATCHED.map(watchHealth)]);
};
