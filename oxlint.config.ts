import { defineConfig } from "oxlint";
import type { OxlintOverride } from "oxlint";
import {
  COMPONENTS,
  LAYER_NAMES,
  LAYERS,
  MAX_FOLDER_DEPTH,
  NODE_MODULES,
  NON_DETERMINISTIC_LAYERS,
  PLATFORM_FOLDERS,
  ROOT_FILES,
} from "./scripts/lint/layers.ts";
import type { Layer } from "./scripts/lint/layers.ts";

const SOURCE_LINES = 500;
const TEST_LINES = 800;
const MAX_PARAMETERS = 3;

interface ImportPattern {
  regex?: string;
  group?: string[];
  message: string;
}

/** A way round the plain relative paths that the layer rules read. */
const SELF_IMPORTS: ImportPattern = {
  regex: "^sluice(/|$)|(^|/)src/|\\w/\\.\\./",
  message: "Inside src/ import the file itself, by its shortest relative path.",
};

function onlyLayers(importer: string, depth: number, allowed: readonly Layer[]): ImportPattern {
  const own = importer.split("/")[0];
  const forbidden = LAYER_NAMES.filter((layer) => layer !== own && !allowed.includes(layer));
  return {
    regex: `^${depth === 0 ? "\\./" : `(\\.\\./){${depth}}`}(${forbidden.join("|")})/`,
    message: `${importer} may import ${allowed.join(", ") || "no other folder"} (scripts/lint/layers.ts).`,
  };
}

/** The imports that files in `folder` (below src/), `depth` folders deep, may not make. */
function forbiddenImports(folder: string, depth: number): ImportPattern[] {
  const [layer, child] = folder.split("/");
  const patterns = [SELF_IMPORTS];
  for (const name of LAYER_NAMES.filter((candidate) => candidate === layer)) {
    patterns.push(onlyLayers(folder, depth, folder === "rest/messages" ? ["common"] : LAYERS[name]));
    const nodeModules = NODE_MODULES[name] ?? [];
    patterns.push({
      group: ["node:*", "node:*/*", ...nodeModules.map((module) => `!${module}`)],
      message: `${name} may import ${nodeModules.join(", ") || "no module of Node"} (scripts/lint/layers.ts).`,
    });
  }
  if (!PLATFORM_FOLDERS.some((platformFolder) => platformFolder === folder)) {
    patterns.push({ regex: "^cloudflare:", message: `cloudflare:* belongs to ${PLATFORM_FOLDERS.join(", ")}.` });
  }
  if (layer === "runtime" || layer === "rest") {
    for (const component of COMPONENTS.filter((candidate) => candidate !== child)) {
      patterns.push({
        group: [`**/${component}/**`, `!**/${component}/*-gateway.ts`, `!**/${component}/*-id.ts`],
        message: `Of ${component} only *-gateway.ts, *-id.ts and runtime/messages/ are visible from outside.`,
      });
    }
  }
  if (layer === "client" || layer === "cli" || layer === "dashboard") {
    patterns.push({ group: ["**/rest/**", "!**/rest/messages/**"], message: "Clients share only rest/messages." });
  }
  if ((layer === "transport" || layer === "storage") && depth > 1) {
    patterns.push({
      regex: `^(\\.\\./){${depth - 1}}[a-z-]+/`,
      message: `The folders of ${layer} do not import each other.`,
    });
  }
  return patterns;
}

/**
 * The folders with rules of their own. Of several overrides that match a file the last wins as a whole, so a folder stands behind
 * the one that contains it.
 */
const FOLDERS = [
  ...LAYER_NAMES,
  ...PLATFORM_FOLDERS,
  ...COMPONENTS.map((component) => `runtime/${component}`),
  "rest/messages",
];

/** One override for each depth: how far up `../` leads depends on where the importing file lies. */
function importOverrides(folder: string): OxlintOverride[] {
  const shallowest = folder.split("/").length;
  return Array.from({ length: MAX_FOLDER_DEPTH + 1 - shallowest }, (_, extra) => ({
    files: [`src/${folder}/${"*/".repeat(extra)}*`],
    rules: { "no-restricted-imports": ["error", { patterns: forbiddenImports(folder, shallowest + extra) }] },
  }));
}

const TIMERS = ["setTimeout", "setInterval", "setImmediate"];
const WALL_CLOCK = [
  ["Date", "now"],
  ["performance", "now"],
];
const RANDOMNESS = [
  ["Math", "random"],
  ["crypto", "randomUUID"],
  ["crypto", "getRandomValues"],
];

function restrictedProperties(pairs: readonly string[][]): { object: string; property: string; message: string }[] {
  return pairs.map(([object = "", property = ""]) => ({
    object,
    property,
    message: "Take it from the injected Clock, Random or IdSource.",
  }));
}

export default defineConfig({
  plugins: ["eslint", "typescript", "unicorn", "oxc", "import", "vitest"],
  jsPlugins: ["./scripts/lint/plugin.ts"],
  categories: { correctness: "error" },
  options: { typeAware: true, denyWarnings: true, reportUnusedDisableDirectives: "error" },
  ignorePatterns: ["build/**", ".wrangler/**"],
  rules: {
    eqeqeq: "error",
    "max-lines": ["error", { max: SOURCE_LINES }],
    "max-params": ["error", { max: MAX_PARAMETERS }],
    "import/no-cycle": ["error", { ignoreTypes: false }],
    "import/no-default-export": "error",
    "import/no-duplicates": "error",
    "import/no-self-import": "error",
    "sluice/no-dynamic-import": "error",
    "typescript/ban-ts-comment": "error",
    "typescript/consistent-type-imports": "error",
    "typescript/no-explicit-any": "error",
    "typescript/no-floating-promises": "error",
    // `void` marks a call whose result is dropped on purpose, whatever its type.
    "typescript/no-meaningless-void-operator": "off",
    "typescript/no-misused-promises": "error",
    "typescript/no-unsafe-argument": "error",
    "typescript/no-unsafe-assignment": "error",
    "typescript/no-unsafe-call": "error",
    "typescript/no-unsafe-member-access": "error",
    "typescript/no-unsafe-return": "error",
    "typescript/only-throw-error": "error",
    "typescript/switch-exhaustiveness-check": [
      "error",
      { considerDefaultExhaustiveForUnions: true, requireDefaultForNonUnion: false },
    ],
    "unicorn/filename-case": ["error", { case: "kebabCase" }],
    "unicorn/no-abusive-eslint-disable": "error",
    "vitest/no-disabled-tests": "error",
    "vitest/no-focused-tests": "error",
    "vitest/valid-expect": ["error", { maxArgs: 2 }],
  },
  overrides: [
    ...FOLDERS.flatMap(importOverrides),
    ...Object.entries(ROOT_FILES).map(([file, allowed]): OxlintOverride => ({
      files: [`src/${file}`],
      rules: { "no-restricted-imports": ["error", { patterns: [SELF_IMPORTS, onlyLayers(file, 0, allowed)] }] },
    })),
    {
      files: ["src/**"],
      excludeFiles: NON_DETERMINISTIC_LAYERS.map((layer) => `src/${layer}/**`),
      rules: {
        "no-restricted-globals": ["error", { globals: [...TIMERS, "console"], checkGlobalObject: true }],
        "no-restricted-properties": ["error", ...restrictedProperties([...WALL_CLOCK, ...RANDOMNESS])],
        "sluice/no-current-date": "error",
      },
    },
    {
      files: ["test/**"],
      rules: {
        "max-lines": ["error", { max: TEST_LINES }],
        "vitest/expect-expect": ["error", { assertFunctionNames: ["expect", "expect*", "assert*", "fc.assert"] }],
        // Properties and tables decide in the test which outcome is right.
        "vitest/no-conditional-expect": "off",
        // Rows of it.each() are positional parameters.
        "max-params": "off",
        // expect.any() and its like have the type any.
        "typescript/no-unsafe-assignment": "off",
        // Doubles are objects of closures, taken apart on purpose.
        "typescript/unbound-method": "off",
      },
    },
    {
      files: ["test/**/*.test.ts"],
      excludeFiles: ["test/e2e/**"],
      rules: {
        "no-restricted-globals": ["error", { globals: TIMERS, checkGlobalObject: true }],
        "no-restricted-properties": ["error", ...restrictedProperties(WALL_CLOCK)],
        "sluice/no-current-date": "error",
      },
    },
    {
      files: [
        "src/worker.ts",
        "*.config.ts",
        "scripts/lint/plugin.ts",
        "examples/**",
        "test/**/*worker.ts",
        "bench/**/*worker.ts",
        "test/fixtures/**",
      ],
      rules: { "import/no-default-export": "off" },
    },
  ],
});
