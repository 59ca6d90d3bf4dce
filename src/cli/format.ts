const MILLIS_PER_SECOND = 1_000;
const BYTES_PER_KILOBYTE = 1_000;
const BYTES_PER_MEGABYTE = 1_000_000;
const BAR_WIDTH = 10;
const SHORT_ID_LENGTH = 6;

/** `1,707` */
export function formatCount(count: number): string {
  return count.toLocaleString("en-US");
}

/** `11.4 s` */
export function formatSeconds(millis: number): string {
  return `${(millis / MILLIS_PER_SECOND).toFixed(1)} s`;
}

/** `6 s`: for what is redrawn each second. */
export function formatWholeSeconds(millis: number): string {
  return `${Math.floor(millis / MILLIS_PER_SECOND)} s`;
}

/** `870 B`, `3.2 kB`, `1.5 MB` */
export function formatBytes(bytes: number): string {
  if (bytes < BYTES_PER_KILOBYTE) return `${bytes} B`;
  if (bytes < BYTES_PER_MEGABYTE) return `${(bytes / BYTES_PER_KILOBYTE).toFixed(1)} kB`;
  return `${(bytes / BYTES_PER_MEGABYTE).toFixed(1)} MB`;
}

/** `[######----]`; `fraction` is clipped to 0..1. */
export function formatBar(fraction: number): string {
  const filled = Math.floor(Math.min(1, Math.max(0, fraction)) * BAR_WIDTH);
  return `[${"#".repeat(filled)}${"-".repeat(BAR_WIDTH - filled)}]`;
}

/** `7c0d4a…` */
export function formatJobId(id: string): string {
  return `${id.slice(0, SHORT_ID_LENGTH)}…`;
}

/** `2018-01-31 00:00`, in UTC. */
export function formatMinute(isoTime: string): string {
  return isoTime.slice(0, "2018-01-31T00:00".length).replace("T", " ");
}

export function plural(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? "" : "s"}`;
}
