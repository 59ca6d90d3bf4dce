const READ = /^\s*(?:SELECT|EXPLAIN)\b[^;]*;?\s*$/i;
const HALF_DONE = /;\s*\S|\bFAIL\b/i;

/** Whether `sql` is one statement that changes nothing; when in doubt, it is not. */
export function isRead(sql: string): boolean {
  return READ.test(sql);
}

/**
 * Whether `sql` may have had some of its effect when it fails: if it may be several statements, or one that keeps what it
 * did to earlier rows (`INSERT OR FAIL`). Not seen is a trigger's `RAISE(FAIL)`.
 */
export function mayFailHalfDone(sql: string): boolean {
  return HALF_DONE.test(sql);
}
