/**
 * Freezes the built-ins in which the runtime keeps capabilities (links to peers, the object store of the current call), before any
 * user code of the isolate runs: a job that replaced `Map.prototype.set` could otherwise read them off. Imported first
 * for its effect. Built-ins that libraries are known to extend (Object, Array, Error, Function) stay as they are.
 */
for (const intrinsic of [Map, Set, WeakMap, WeakSet, Promise]) {
  Object.freeze(intrinsic);
  Object.freeze(intrinsic.prototype);
}
