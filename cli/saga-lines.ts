import { type Timestamp, timestampDate, timestampMs } from "@bufbuild/protobuf/wkt";
import { type Saga, SagaFailureKind, type SagaStep, SagaStepState } from "@heddle/contracts/heddle/saga/v1";
import { type OwnedSaga, sagaStateName } from "./sagas.ts";
import { formatTable } from "./table.ts";
import type { Colors } from "./terminal.ts";
import { formatDuration } from "./units.ts";

/** A saga for a person: what it is about, how it went, and its steps in the order in which they ran, what undid them last. */
export const sagaLines = ({ service, saga }: OwnedSaga, colors: Colors): string[] => {
  const label = (text: string): string => colors.dim(`${text}:`.padEnd(9));
  return [
    `${colors.bold(saga.id)}  ${saga.name} version ${saga.version} of ${service}, about ${saga.key}`,
    `${label("state")}${stateText(saga, colors)}`,
    `${label("began")}${dateText(saga.createTime)}`,
    ...(saga.endTime ? [`${label("ended")}${dateText(saga.endTime)}, ${tookText(saga.createTime, saga.endTime)}`] : []),
    ...(saga.nextAttemptTime ? [`${label("next")}${dateText(saga.nextAttemptTime)}`] : []),
    ...(saga.failure ? [`${label("failure")}${failureText(saga)}`] : []),
    "",
    ...formatTable(COLUMNS, [...saga.steps.map(actionCells), ...compensationRows(saga.steps)], colors.bold),
  ];
};

/** Why a saga is undone or parked, in a few words. Empty when it is not. */
export const failureText = ({ failure }: Saga): string =>
  failure === undefined
    ? ""
    : `${failure.step} ${(SagaFailureKind[failure.kind] ?? "unknown").toLowerCase()}: ${failure.reason}`;

/** A saga's state, in the colour of how it goes. */
export const stateText = ({ state }: Saga, colors: Colors): string => {
  const name = sagaStateName(state);
  if (name === "parked") return colors.red(name);
  return name === "completed" ? colors.green(name) : colors.yellow(name);
};

/** A moment with its date, in UTC: `2026-11-21 12:00:01.130`. */
export const dateText = (time: Timestamp | undefined): string =>
  time === undefined ? "" : timestampDate(time).toISOString().replace("T", " ").replace("Z", "");

/** How long something took; empty while it runs. */
export const tookText = (start: Timestamp | undefined, end: Timestamp | undefined): string =>
  start === undefined || end === undefined ? "" : formatDuration(timestampMs(end) - timestampMs(start));

const COLUMNS = [
  { heading: "STEP" },
  { heading: "STATE" },
  { heading: "ATTEMPTS", align: "right" as const },
  { heading: "BEGAN" },
  { heading: "DONE" },
  { heading: "TRACE" },
  { heading: "LAST ERROR" },
];

const actionCells = ({ name, state, attempts, startTime, endTime, traceId, lastError }: SagaStep): string[] => [
  name,
  stepStateName(state),
  String(attempts),
  timeText(startTime),
  timeText(endTime),
  traceId,
  lastError,
];

/** What undid the steps, the last one first, as it ran. */
const compensationRows = (steps: readonly SagaStep[]): string[][] =>
  steps.toReversed().flatMap(({ name, state, compensation }) => {
    if (compensation === undefined) return [];
    const { attempts, startTime, endTime, traceId, lastError } = compensation;
    const how = endTime === undefined ? stepStateName(state) : "done";
    const row = [
      `${compensation.name} (undoes ${name})`,
      how,
      String(attempts),
      timeText(startTime),
      timeText(endTime),
    ];
    return [[...row, traceId, lastError]];
  });

const stepStateName = (state: SagaStepState): string => (SagaStepState[state] ?? "unknown").toLowerCase();

/** The time of day, in UTC. */
const timeText = (time: Timestamp | undefined): string => dateText(time).slice("2026-11-21 ".length);
