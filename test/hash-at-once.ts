import { createHash } from "node:crypto";

/*
 * WebCrypto hashes on another thread, which takes real time while a test's own clock goes on: on a busy machine minutes of
 * virtual time pass before a job's graph is there. In unit tests the same hash is there at once.
 */
Object.defineProperty(crypto.subtle, "digest", {
  value: (algorithm: string | { readonly name: string }, data: Uint8Array): Promise<ArrayBuffer> => {
    const name = typeof algorithm === "string" ? algorithm : algorithm.name;
    if (name !== "SHA-256") throw new RangeError(`digest: expected SHA-256, got ${name}`);
    return Promise.resolve(new Uint8Array(createHash("sha256").update(data).digest()).buffer);
  },
});
