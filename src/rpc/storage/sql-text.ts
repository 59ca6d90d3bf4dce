const READ = /^\s*(?:SELECT|EXPLAIN)\b[^;]*;?\s*$/i;
const SEVERAL = /;\s*\S/;

/** Whether `sql` is one statement that changes nothing; when in doubt, it is not. */
export function isRead(sql: string): boolean {
  return READ.test(sql);
}

/** Whether `sql` may be several statements, of which some may have had their effect when one fails. */
export function maybeSeveral(sql: string): boolean {
  return SEVERAL.test(sql);
}
