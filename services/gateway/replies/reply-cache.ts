import { BoundedCache, type SharedCalls, sharedCalls } from "@heddle/mesh/policy";
import type { Clock } from "@heddle/mesh/runtime";
import type { HeaderList, HttpStream } from "@heddle/mesh/wire";
import type { MethodRoute } from "../routing/method-route.ts";
import { type Answer, CollectedAnswer, type Ending } from "./collected-answer.ts";
import type { Sharing } from "./sharing.ts";

/** What somebody wants to know. */
export interface Question {
  readonly method: MethodRoute;
  readonly sharing: Sharing;
  /** The request: one message with gRPC's prefix, not compressed, at most REQUEST_BYTES_MAX bytes. */
  readonly body: Uint8Array;
  /** The caller's `host:port`. */
  readonly peer: string;
}

/** Hears how a question was answered; `ageMs`: how old the answer is, undefined when it was made for this one. */
export type Told = (ending: Ending, ageMs: number | undefined) => void;

/** Replies of methods that declare `cache`: kept for their time, and asked for once by all who ask the same meanwhile. */
export interface ReplyCache {
  /**
   * Answers a question from what is kept, at once, or by a call that is shared. The returned function is called by who wants to
   * hear nothing any more; with the last, the call ends. What is not OK is told to those who wait, and not kept.
   */
  ask(question: Question, told: Told): () => void;
  /** Replies that are kept. */
  readonly size: number;
}

export interface ReplyCacheOptions {
  readonly clock: Pick<Clock, "monotonicMs">;
  /** Grows when a contract has changed: what was kept before may not be of the new one. */
  readonly version: () => number;
  /** Sends a call to an instance, and answers it in any case. */
  readonly carry: (stream: HttpStream, sent: HeaderList, method: MethodRoute) => void;
  readonly limits?: Partial<ReplyCacheLimits>;
}

export interface ReplyCacheLimits {
  /** Replies that are kept, over all methods and callers. */
  readonly entriesMax: number;
  /** Bytes of all replies that are kept, and of what they answer. */
  readonly bytesMax: number;
  /** Bytes of one reply that is kept: one large reply is not worth a thousand small ones. */
  readonly replyBytesMax: number;
}

const REPLY_CACHE_LIMITS: ReplyCacheLimits = {
  entriesMax: 10_000,
  bytesMax: 64 * 1024 * 1024,
  replyBytesMax: 256 * 1024,
};

/** Bytes of a request whose reply is shared: it is part of what replies are kept by. */
export const REQUEST_BYTES_MAX = 16 * 1024;

export const createReplyCache = ({ clock, version, carry, limits }: ReplyCacheOptions): ReplyCache => {
  const { entriesMax, bytesMax, replyBytesMax } = { ...REPLY_CACHE_LIMITS, ...limits };
  const kept = new BoundedCache<Answer>({ clock, entriesMax, bytesMax });
  const asked: SharedCalls<Ending> = sharedCalls();
  let keptVersion = version();

  const keep = (key: string, answer: Answer, maxAgeMs: number): void => {
    const bytes = bytesOf(answer);
    if (bytes <= replyBytesMax && mayBeKept(answer)) kept.put(key, answer, { valueBytes: bytes, maxAgeMs });
  };

  return {
    ask({ method, sharing, body, peer }, told) {
      if (keptVersion !== version()) {
        keptVersion = version();
        kept.clear();
        asked.part();
      }
      const key = sharing.key + Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("latin1");
      const found = kept.get(key);
      if (found !== undefined) {
        told(found.value, found.ageMs);
        return () => undefined;
      }
      return asked.join(
        key,
        (ending) => told(ending, undefined),
        ({ settle }) => {
          const startVersion = keptVersion;
          const answer = new CollectedAnswer(peer, (ending) => {
            // What a contract has changed meanwhile, the reply may not show.
            const isCurrent = startVersion === version();
            if (typeof ending !== "number" && isCurrent) keep(key, ending, method.cacheMs ?? 0);
            settle(ending);
          });
          carry(answer, sharing.sent, method);
          answer.handler.onData(body, true);
          return () => answer.callOff();
        },
      );
    },
    get size() {
      return kept.size;
    },
  };
};

/** One message, not compressed, with status OK, of which the service does not say otherwise. */
const mayBeKept = ({ headers, body, trailers }: Answer): boolean =>
  trailers?.get("grpc-status") === "0" &&
  headers.get(":status") === "200" &&
  isOneMessage(body) &&
  !/no-store|no-cache|private/i.test(headers.get("cache-control") ?? "");

/** True for one message with gRPC's prefix that is not compressed (gRPC over HTTP/2, Length-Prefixed-Message). */
export const isOneMessage = (body: Uint8Array): boolean =>
  body.length >= 5 && body[0] === 0 && Buffer.from(body.buffer, body.byteOffset, 5).readUInt32BE(1) === body.length - 5;

const bytesOf = ({ headers, body, trailers }: Answer): number =>
  body.length + [...headers.fields, ...(trailers?.fields ?? [])].reduce((sum, text) => sum + text.length, 0);
