import type { DescMethod, MessageInitShape } from "@bufbuild/protobuf";
import { AlreadyApplied, type Replay } from "../rpc/call.ts";
import type { Connection } from "./connection.ts";
import { REPLY_SWEEP_ROWS } from "./limits.ts";
import { sql } from "./statement.ts";
import type { RecordedReply } from "./store.ts";

/** Finds the reply to a request id by the method's full name. */
export const findRecordedReply = sql<{ method: string; requestId: string }, RecordedReply>(
  `SELECT request_hash AS requestHash, reply FROM heddle_requests WHERE method = :method AND request_id = :requestId`,
);

const insertReply = sql<{
  method: string;
  requestId: string;
  requestHash: Uint8Array;
  reply: Uint8Array;
  nowMs: number;
}>(
  `INSERT INTO heddle_requests (method, request_id, request_hash, reply, create_time_ms)
   VALUES (:method, :requestId, :requestHash, :reply, :nowMs)`,
);

const deleteOldest = sql<{ beforeMs: number; rows: number }>(
  `DELETE FROM heddle_requests WHERE rowid IN (
     SELECT rowid FROM heddle_requests WHERE create_time_ms < :beforeMs ORDER BY create_time_ms LIMIT :rows)`,
);

/** Throws AlreadyApplied when another call with the same request id has committed; TypeError when this one has. */
export const refuseApplied = (connection: Connection, method: string, replay: Replay): void => {
  if (replay.recorded) {
    throw new TypeError(
      `${method}: the reply was recorded by an earlier store.write of this call. Give every write but the one that makes the reply { reply: "later" }.`,
    );
  }
  const recorded = connection.get(findRecordedReply, { method, requestId: replay.requestId });
  if (recorded !== undefined) throw new AlreadyApplied(recorded);
};

/** Records the reply in the transaction that is open. */
export const recordReply = (
  connection: Connection,
  method: string,
  replay: Replay,
  result: unknown,
  nowMs: number,
): void => {
  if (typeof result !== "object" || result === null) {
    throw new TypeError(
      `${method}: the job returned no reply to record for its request id. Return what the handler replies, or pass { reply: "later" }.`,
    );
  }
  const reply = replay.encodeReply(result as MessageInitShape<DescMethod["output"]>);
  const { requestId, requestHash } = replay;
  connection.run(insertReply, { method, requestId, requestHash, reply, nowMs });
};

/** Deletes some of the replies that were recorded before `beforeMs`; returns whether there may be more. */
export const sweepSome = (connection: Connection, beforeMs: number): { deleted: number; more: boolean } => {
  const deleted = connection.run(deleteOldest, { beforeMs, rows: REPLY_SWEEP_ROWS });
  return { deleted, more: deleted === REPLY_SWEEP_ROWS };
};
