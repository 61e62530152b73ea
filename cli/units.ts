/** A duration for a person: `0.41 s`, `12 s`, `3 min`, `5 h 2 min`, `4 d 3 h`. */
export const formatDuration = (ms: number): string => {
  if (ms < 1) return "0 s";
  if (ms < 10_000) return `${trimZeros((ms / 1000).toFixed(2))} s`;
  const seconds = Math.floor(ms / 1000);
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
};

/** A size for a person, in powers of 1024: `512 B`, `61.4 MiB`. */
export const formatBytes = (bytes: number): string => {
  let value = bytes;
  for (const unit of ["B", "KiB", "MiB", "GiB"]) {
    if (value < 1024 || unit === "GiB") return `${unit === "B" ? value : value.toFixed(1)} ${unit}`;
    value /= 1024;
  }
  return `${bytes} B`;
};

/** Milliseconds of a text such as `500ms`, `2s`, `1.5m`, `3d` or `30` (seconds); undefined when it is none. */
export const parseDurationMs = (text: string): number | undefined => {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)?$/.exec(text.trim());
  if (match === null) return undefined;
  return Math.round(Number(match[1]) * UNIT_MS[(match[2] ?? "s") as keyof typeof UNIT_MS]);
};

export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;

const UNIT_MS = { ms: 1, s: 1000, m: 60_000, h: HOUR_MS, d: DAY_MS };

const trimZeros = (text: string): string => text.replace(/\.?0+$/, "");
