export { keyGroupRangeOf, subtaskOfKeyGroup, type KeyGroupRange } from "../../runtime/jobgraph/key-group-range.ts";

/**
 * Which subtask owns a key (Flink `KeyGroupRangeAssignment`, bit for bit; contract: runtime-semantics 4.1). Keys are hashed
 * to a fixed number of key groups, the job's max parallelism; subtasks own contiguous ranges of groups, so a change
 * of parallelism moves whole groups; which ones is the control plane's business too, hence its `key-group-range`.
 */
export const MAX_KEY_GROUPS = 32_768;
const MIN_AUTOMATIC_KEY_GROUPS = 128;

/** @param hash Java's hash code of the key, see `hashKey`. */
export function keyGroupOf(hash: number, maxParallelism: number): number {
  return murmurMix(hash) % maxParallelism;
}

/** Max parallelism of an operator that sets none. */
export function defaultMaxParallelism(parallelism: number): number {
  const wanted = nextPowerOfTwo(parallelism + Math.floor(parallelism / 2));
  return Math.min(MAX_KEY_GROUPS, Math.max(MIN_AUTOMATIC_KEY_GROUPS, wanted));
}

function nextPowerOfTwo(value: number): number {
  return 2 ** Math.ceil(Math.log2(value));
}

const INT_MIN = -2_147_483_648;

/** Flink `MathUtils.murmurHash`: murmur3 of one 4 byte word, made non-negative. */
export function murmurMix(code: number): number {
  let hash = Math.imul(code, 0xcc9e2d51);
  hash = rotateLeft(hash, 15);
  hash = Math.imul(hash, 0x1b873593);
  hash = rotateLeft(hash, 13);
  hash = Math.imul(hash, 5) + 0xe6546b64;
  hash ^= 4;
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  hash ^= hash >>> 16;
  return hash === INT_MIN ? 0 : Math.abs(hash);
}

function rotateLeft(word: number, distance: number): number {
  return (word << distance) | (word >>> (32 - distance));
}
