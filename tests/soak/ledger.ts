import { type FileHandle, open, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { DescMessage, DescMethodUnary, JsonObject, MessageShape } from "@bufbuild/protobuf";
import { fromJson } from "@bufbuild/protobuf";

/** One line of the ledger: what a client sent, what it heard, and what it was told of an order that it watches. */
export type LedgerLine = CallLine | WatchLine;

export type CallLine = { readonly call: string; readonly atMs: number } & (
  | { readonly kind: "sent"; readonly method: string; readonly request: JsonObject }
  | { readonly kind: "acknowledged"; readonly answer: JsonObject }
  | { readonly kind: "refused"; readonly code: string; readonly reason: string; readonly message: string }
  /** Nobody said whether it took effect; it is sent again. */
  | { readonly kind: "unanswered"; readonly code: string; readonly message: string }
  /** The client went away, and never heard. */
  | { readonly kind: "abandoned" }
);

export type WatchLine = { readonly orderId: string; readonly atMs: number } & (
  | { readonly kind: "watched"; readonly sequence: number; readonly toState: number }
  /** The stream ended as one that has told all. */
  | { readonly kind: "watch-ended" }
);

/** The append-only file outside of the mesh. */
export interface LedgerWriter {
  /** Resolves once the line is on the disk. */
  write(line: LedgerLine): Promise<void>;
  close(): Promise<void>;
}

export const ledgerFile = (folder: string): string => join(folder, "ledger.jsonl");

export const openLedger = async (folder: string): Promise<LedgerWriter> => {
  const file = await open(ledgerFile(folder), "a");
  let waiting: string[] = [];
  let writing: Promise<void> | undefined;
  /** Lines that come while others are on their way to the disk share the next fsync. */
  const writeAll = async (handle: FileHandle): Promise<void> => {
    const lines = waiting;
    waiting = [];
    writing = undefined;
    await handle.appendFile(lines.join(""));
    await handle.datasync();
  };
  let last = Promise.resolve();
  return {
    write(line) {
      waiting.push(`${JSON.stringify(line)}\n`);
      writing ??= last = last.then(() => writeAll(file));
      return writing;
    },
    async close() {
      await last;
      await file.close();
    },
  };
};

/** All that the ledger says of one request, which may have been sent several times under one request id. */
export interface LedgerCall {
  readonly id: string;
  readonly method: string;
  readonly request: JsonObject;
  readonly sent: number;
  readonly answers: readonly JsonObject[];
  readonly refusals: readonly { readonly code: string; readonly reason: string; readonly message: string }[];
  readonly unanswered: readonly string[];
  readonly abandoned: boolean;
}

/** A request and its answers as their contract's messages. */
export interface TypedCall<I extends DescMessage, O extends DescMessage> {
  readonly id: string;
  readonly request: MessageShape<I>;
  readonly answers: readonly MessageShape<O>[];
}

/** The ledger as it is checked. Requests are in the order in which they were first sent. */
export interface Ledger {
  readonly calls: readonly LedgerCall[];
  /** What was told of each watched order, in the order in which it came. */
  readonly watches: ReadonlyMap<string, readonly WatchLine[]>;
  to<I extends DescMessage, O extends DescMessage>(method: DescMethodUnary<I, O>): TypedCall<I, O>[];
}

export const readLedger = async (folder: string): Promise<Ledger> =>
  ledgerOf(
    (await readFile(ledgerFile(folder), "utf8"))
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as LedgerLine),
  );

const ledgerOf = (lines: Iterable<LedgerLine>): Ledger => {
  const calls = new Map<string, Draft>();
  const watches = new Map<string, WatchLine[]>();
  for (const line of lines) {
    if ("orderId" in line) {
      watches.set(line.orderId, [...(watches.get(line.orderId) ?? []), line]);
      continue;
    }
    if (line.kind === "sent") {
      const { call: id, method, request } = line;
      const draft = calls.get(id) ?? {
        id,
        method,
        request,
        sent: 0,
        answers: [],
        refusals: [],
        unanswered: [],
        abandoned: false,
      };
      draft.sent++;
      calls.set(id, draft);
      continue;
    }
    const call = calls.get(line.call);
    if (call === undefined) throw new Error(`the ledger has an answer to ${line.call}, which was never sent`);
    if (line.kind === "acknowledged") call.answers.push(line.answer);
    else if (line.kind === "refused") call.refusals.push(line);
    else if (line.kind === "unanswered") call.unanswered.push(line.code);
    else call.abandoned = true;
  }
  const all = [...calls.values()];
  return {
    calls: all,
    watches,
    to: (method) =>
      all
        .filter((call) => call.method === methodName(method))
        .map(({ id, request, answers }) => ({
          id,
          request: fromJson(method.input, request),
          answers: answers.map((answer) => fromJson(method.output, answer)),
        })),
  };
};

/** `order.v1.OrderService/PlaceOrder` */
export const methodName = (method: DescMethodUnary): string => `${method.parent.typeName}/${method.name}`;

interface Draft extends LedgerCall {
  sent: number;
  abandoned: boolean;
  readonly answers: JsonObject[];
  readonly refusals: { code: string; reason: string; message: string }[];
  readonly unanswered: string[];
}
