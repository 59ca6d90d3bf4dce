/** Calls made on stubs themselves, each of which the platform bills as a request; calls on what they return ride along. */
export interface TopLevelCalls {
  count: number;
}

/** `stub`, with every method call on it counted. Slower: for counting, not for timing. */
export function countedStub<Stub extends object>(stub: Stub, calls: TopLevelCalls): Stub {
  return new Proxy(stub, {
    get(target, name): unknown {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== "function") return member;
      return (...args: unknown[]): unknown => {
        calls.count += 1;
        return Reflect.apply(member, target, args);
      };
    },
  });
}
