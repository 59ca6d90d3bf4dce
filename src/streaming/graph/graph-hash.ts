const ID_HEX_DIGITS = 32;

/** JSON with sorted keys and without `undefined`: one text per value. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) => {
    if (typeof item !== "object" || item === null || Array.isArray(item)) return item;
    return Object.fromEntries(Object.entries(item).sort(([left], [right]) => (left < right ? -1 : 1)));
  });
}

/** SHA-256 of the canonical JSON of `value`, as hex. By WebCrypto, so the same in every runtime. */
export async function hashOf(value: unknown): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(canonicalJson(value)));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The first 16 bytes of {@link hashOf}, as hex: the form of Flink's ids. */
export async function hashedId(value: unknown): Promise<string> {
  return (await hashOf(value)).slice(0, ID_HEX_DIGITS);
}
