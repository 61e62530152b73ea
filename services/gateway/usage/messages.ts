import { type Timestamp, timestampMs } from "@bufbuild/protobuf/wkt";
import { DAY_MS } from "./limits.ts";

/** The first day that is asked for; absent: all days that are kept. */
export const sinceDayOf = (since: Timestamp | undefined): number =>
  since === undefined ? 0 : Math.floor(timestampMs(since) / DAY_MS);

/** Counts are far below 2^53. */
export const count = (times: number): bigint => BigInt(times);
