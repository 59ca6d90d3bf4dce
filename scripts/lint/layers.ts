/**
 * The layers of `src/`: each folder with the folders its files may import. The linter's configuration, the architecture tests and
 * the picture in `docs/architecture.md` all read this one table, so a folder that is not named here fails the build.
 */
export const LAYERS = {
  common: [],
  rpc: ["common"],
  transport: ["common", "rpc"],
  storage: ["common", "rpc"],
  runtime: ["common", "rpc"],
  streaming: ["common", "rpc", "runtime"],
  connectors: ["common", "rpc", "runtime", "streaming"],
  rest: ["common", "rpc", "runtime", "streaming"],
  client: ["common", "rest"],
  cli: ["common", "rest", "client"],
  dashboard: ["common", "rest", "client"],
  testing: ["common", "rpc", "transport", "storage", "runtime", "streaming", "connectors"],
  entrypoint: ["common", "rpc", "transport", "storage", "runtime", "streaming", "connectors", "rest", "dashboard"],
} as const satisfies Record<string, readonly string[]>;

/** A folder directly under `src/`. */
export type Layer = keyof typeof LAYERS;

/** All layers, in dependency order: a layer imports only layers that stand before it. */
export const LAYER_NAMES: readonly Layer[] = Object.keys(LAYERS).filter((name): name is Layer => name in LAYERS);

/** How many folders below `src/` a file may lie. */
export const MAX_FOLDER_DEPTH = 5;

/** The files directly under `src/`, with the layers each may import. */
export const ROOT_FILES = {
  "worker.ts": ["entrypoint"],
  "index.ts": ["common", "rpc", "runtime", "streaming", "connectors"],
} as const satisfies Record<string, readonly Layer[]>;

/**
 * The components of the control plane. A component sees another one only through its `*-gateway.ts`, its `*-id.ts` and
 * `runtime/messages/`, which is what keeps JobMaster and TaskExecutor, who call each other, free of an import cycle.
 */
export const COMPONENTS = ["cluster", "dispatcher", "jobmaster", "resourcemanager", "taskexecutor"] as const;

/** Where modules of the Workers platform (`cloudflare:*`) may be imported. */
export const PLATFORM_FOLDERS = ["transport/durable-object", "storage/durable-object", "entrypoint"] as const;

/** Modules of Node that a layer may import. Layers not named here run on every runtime and import none. */
export const NODE_MODULES: Partial<Record<Layer, readonly string[]>> = {
  rpc: ["node:async_hooks"],
  storage: ["node:sqlite"],
  testing: ["node:sqlite", "node:timers/promises"],
  cli: ["node:*", "node:*/*"],
  entrypoint: ["node:*", "node:*/*"],
};

/** Layers that may touch the clock, randomness, timers and the console; all others get them through injected ports. */
export const NON_DETERMINISTIC_LAYERS: readonly Layer[] = ["common", "cli", "entrypoint"];
