/** One measured figure, ours and the peers', as `results.json` keeps it but for the ratio. */
export interface Row {
  readonly name: string;
  readonly ours: number;
  readonly unit: string;
  readonly peers: Readonly<Record<string, number>>;
}

/** Something that is measured. */
export interface Workload {
  readonly name: string;
  /** Programs that must be on the machine. */
  readonly tools: readonly string[];
  run(options: { runs: number; progress: (line: string) => void }): Promise<Row[]>;
}
