import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type Action, ActionSchema, type Rule, RuleSchema, RuleState } from "@heddle/contracts/heddle/traffic/v1";
import { type Reader, sql, type Tx } from "@heddle/mesh/store";
import { ruleSlot } from "../traffic/rule-slot.ts";

/** A rule as it is made. */
export interface NewRule {
  readonly id: string;
  readonly action: Action;
  readonly reason: string;
  /** The id of the caller who made it. */
  readonly creator: string;
  /** Undefined: it ends when somebody ends it. */
  readonly expireTimeMs: number | undefined;
}

/** Rules that are kept beside those in force. */
const ENDED_MAX = 1_000;

interface Row {
  readonly sequence: number;
  readonly id: string;
  readonly action: Uint8Array;
  readonly reason: string;
  readonly creator: string;
  /** Empty while nobody has ended it. */
  readonly ender: string;
  readonly createTimeMs: number;
  readonly expireTimeMs: number | null;
  readonly endTimeMs: number | null;
  /** The id of the rule that took its place. */
  readonly successor: string;
}

const COLUMNS = `sequence, id, action, reason, creator, ender, create_time_ms AS createTimeMs, expire_time_ms AS expireTimeMs,
  end_time_ms AS endTimeMs, successor`;

const ACTIVE = "end_time_ms IS NULL AND (expire_time_ms IS NULL OR expire_time_ms > :nowMs)";

const insert = sql<{
  id: string;
  action: Uint8Array;
  slot: string;
  service: string;
  reason: string;
  creator: string;
  nowMs: number;
  expireTimeMs: number | null;
}>(`
  INSERT INTO traffic_rules (id, action, slot, service, reason, creator, ender, create_time_ms, expire_time_ms, successor)
  VALUES (:id, :action, :slot, :service, :reason, :creator, '', :nowMs, :expireTimeMs, '')`);

const byId = sql<{ id: string }, Row>(`SELECT ${COLUMNS} FROM traffic_rules WHERE id = :id`);

const active = sql<{ nowMs: number }, Row>(`SELECT ${COLUMNS} FROM traffic_rules WHERE ${ACTIVE} ORDER BY sequence`);

const activeOfService = sql<{ service: string; nowMs: number }, Row>(
  `SELECT ${COLUMNS} FROM traffic_rules WHERE ${ACTIVE} AND service = :service ORDER BY sequence DESC`,
);

const page = sql<{ before: number; limit: number }, Row>(
  `SELECT ${COLUMNS} FROM traffic_rules WHERE sequence < :before ORDER BY sequence DESC LIMIT :limit`,
);

const activePage = sql<{ before: number; limit: number; nowMs: number }, Row>(
  `SELECT ${COLUMNS} FROM traffic_rules WHERE ${ACTIVE} AND sequence < :before ORDER BY sequence DESC LIMIT :limit`,
);

const replace = sql<{ slot: string; successor: string; ender: string; nowMs: number }>(`
  UPDATE traffic_rules SET end_time_ms = :nowMs, ender = :ender, successor = :successor
  WHERE slot = :slot AND id <> :successor AND ${ACTIVE}`);

const end = sql<{ id: string; ender: string; nowMs: number }>(
  `UPDATE traffic_rules SET end_time_ms = :nowMs, ender = :ender WHERE id = :id AND ${ACTIVE}`,
);

const dropEnded = sql<{ nowMs: number; kept: number }>(`
  DELETE FROM traffic_rules WHERE sequence <= (
    SELECT sequence FROM traffic_rules WHERE NOT (${ACTIVE}) ORDER BY sequence DESC LIMIT 1 OFFSET :kept) AND NOT (${ACTIVE})`);

/** The traffic rules, those in force and the record of those that were. */
export const ruleStore = () => ({
  /** Puts a rule in force; one that does the same ends with it. */
  async insert(tx: Tx, { id, action, reason, creator, expireTimeMs }: NewRule, nowMs: number): Promise<void> {
    const { slot, service } = ruleSlot(action);
    const spec = toBinary(ActionSchema, action);
    await tx.run(insert, {
      id,
      action: spec,
      slot,
      service,
      reason,
      creator,
      nowMs,
      expireTimeMs: expireTimeMs ?? null,
    });
    if (slot !== "") await tx.run(replace, { slot, successor: id, ender: creator, nowMs });
    await tx.run(dropEnded, { nowMs, kept: ENDED_MAX });
  },
  async byId(reader: Reader, id: string, nowMs: number): Promise<Rule | undefined> {
    const row = await reader.get(byId, { id });
    return row && message(row, nowMs);
  },
  /** Those in force, oldest first. */
  async active(reader: Reader, nowMs: number): Promise<Rule[]> {
    return (await reader.all(active, { nowMs })).map((row) => message(row, nowMs));
  },
  /** Those in force that direct the calls of a service, latest first. */
  async activeOf(reader: Reader, service: string, nowMs: number): Promise<Rule[]> {
    return (await reader.all(activeOfService, { service, nowMs })).map((row) => message(row, nowMs));
  },
  /** Latest first, those before a sequence, each with its own. */
  async list(
    reader: Reader,
    list: { readonly active: boolean; readonly before: number; readonly limit: number },
    nowMs: number,
  ): Promise<{ sequence: number; rule: Rule }[]> {
    const { before, limit } = list;
    const rows = await (list.active
      ? reader.all(activePage, { before, limit, nowMs })
      : reader.all(page, { before, limit }));
    return rows.map((row) => ({ sequence: row.sequence, rule: message(row, nowMs) }));
  },
  /** Ends a rule that is in force; others stay as they are. */
  async end(tx: Tx, id: string, ender: string, nowMs: number): Promise<void> {
    await tx.run(end, { id, ender, nowMs });
  },
});

export type RuleStore = ReturnType<typeof ruleStore>;

const message = (row: Row, nowMs: number): Rule =>
  create(RuleSchema, {
    id: row.id,
    action: fromBinary(ActionSchema, row.action),
    reason: row.reason,
    creator: row.creator,
    createTime: timestampFromMs(row.createTimeMs),
    ...(row.expireTimeMs === null ? {} : { expireTime: timestampFromMs(row.expireTimeMs) }),
    ...(row.endTimeMs === null ? {} : { endTime: timestampFromMs(row.endTimeMs) }),
    ender: row.ender,
    state: stateOf(row, nowMs),
  });

const stateOf = ({ successor, endTimeMs, expireTimeMs }: Row, nowMs: number): RuleState => {
  if (successor !== "") return RuleState.REPLACED;
  if (endTimeMs !== null) return RuleState.ENDED;
  return expireTimeMs === null || expireTimeMs > nowMs ? RuleState.ACTIVE : RuleState.EXPIRED;
};
