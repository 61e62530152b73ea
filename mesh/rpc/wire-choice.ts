/** Who may speak HTTP/2: Heddle's own engine, or `node:http2` as the reference beside it. */
export const WIRES = ["heddle", "node"] as const;
export type WireChoice = (typeof WIRES)[number];

/** The choice of `HEDDLE_WIRE`; Heddle's own where it is not set. Throws an Error for anything else. */
export const wireFromEnvironment = (environment: NodeJS.ProcessEnv = process.env): WireChoice => {
  const wire = environment.HEDDLE_WIRE || "heddle";
  if (wire === "heddle" || wire === "node") return wire;
  throw new Error(`HEDDLE_WIRE is "${wire}": write heddle, which is the default, or node`);
};
