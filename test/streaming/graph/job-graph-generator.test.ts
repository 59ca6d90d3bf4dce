import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { brandId } from "../../../src/common/ids.ts";
import type { JobID } from "../../../src/common/ids.ts";
import { hours, seconds } from "../../../src/common/duration.ts";
import { types } from "../../../src/common/types/type-factories.ts";
import { parseJobGraph } from "../../../src/runtime/jobgraph/job-graph-schema.ts";
import { defineJob } from "../../../src/streaming/api/define-job.ts";
import type { JobOptions } from "../../../src/streaming/api/define-job.ts";
import type { StreamExecutionEnvironment } from "../../../src/streaming/api/stream-execution-environment.ts";
import { generateJobGraph } from "../../../src/streaming/graph/job-graph-generator.ts";
import type { GeneratedJobGraph, JobGraphOverrides } from "../../../src/streaming/graph/job-graph-generator.ts";
import { generateStreamGraph } from "../../../src/streaming/graph/stream-graph-generator.ts";
import type { Transformation } from "../../../src/streaming/graph/transformation.ts";
import { count } from "../../../src/streaming/operators/aggregates.ts";
import { CollectionSource } from "../../../src/streaming/source/collection-source.ts";
import { WatermarkStrategy } from "../../../src/streaming/time/watermark-strategy.ts";
import { TumblingEventTimeWindows } from "../../../src/streaming/windowing/tumbling-event-time-windows.ts";
import { discardingSink } from "./discarding-sink.ts";

type Build = (env: StreamExecutionEnvironment) => void;

const Quake = types.row({ net: types.string(), time: types.long() });
const quakes = CollectionSource.of([{ net: "ak", time: 1 }], Quake);
const watermarks = WatermarkStrategy.forBoundedOutOfOrderness(seconds(5)).withTimestampAssigner(
  (quake: { time: number }) => quake.time,
);
const overrides: JobGraphOverrides = {
  jobId: brandId<JobID>("0".repeat(32)),
  module: { hash: "a".repeat(64), key: "modules/a.js", name: "job.js", runtimeVersion: "0.1.0" },
};

async function generate(
  build: Build,
  options: Partial<JobOptions & JobGraphOverrides> = {},
): Promise<GeneratedJobGraph> {
  const { strict, jobId = overrides.jobId, ...job } = options;
  const definition = defineJob({ name: "quakes", ...job }, build);
  return generateJobGraph(definition, { ...overrides, jobId, ...(strict === undefined ? {} : { strict }) });
}

const countPerNet: Build = (env) => {
  env
    .fromSource(quakes, watermarks, "quakes")
    .filter((quake) => quake.time > 0)
    .map((quake) => ({ ...quake }))
    .returns(Quake)
    .keyBy("net")
    .window(TumblingEventTimeWindows.of(hours(6)))
    .aggregate({ count: count() })
    .uid("counts")
    .sinkTo(discardingSink("rows"));
};

describe("generateJobGraph", () => {
  it("chains what need not be exchanged and passes the control plane's own check", async () => {
    const { jobGraph, plans, warnings } = await generate(countPerNet, { checkpointing: { interval: seconds(1) } });
    expect(parseJobGraph(structuredClone(jobGraph))).toEqual(jobGraph);
    const [source, windows] = jobGraph.vertices;
    expect(jobGraph.vertices.map(({ name }) => name)).toEqual([
      "Source: quakes -> Filter -> Map",
      "TumblingEventTimeWindows -> Sink: rows",
    ]);
    expect(jobGraph.vertices.map(({ parallelism, maxParallelism }) => [parallelism, maxParallelism])).toEqual([
      [4, 128],
      [4, 128],
    ]);
    expect(windows?.inputs).toEqual([
      { source: source?.id, dataSet: source?.outputs[0]?.id, shipStrategy: "HASH", exchange: "pipelined_bounded" },
    ]);
    expect(windows?.operators.map(({ kind, stateful, uid }) => [kind, stateful, uid])).toEqual([
      ["operator", true, "counts"],
      ["sink", true, undefined],
    ]);
    expect(jobGraph.configuration.checkpointing).toEqual({
      intervalMillis: 1_000,
      timeoutMillis: 600_000,
      minPauseMillis: 0,
      maxConcurrent: 1,
      tolerableFailed: 0,
      retained: 1,
    });
    expect(warnings).toEqual([]);
    expect([...plans.keys()]).toEqual(jobGraph.vertices.map(({ id }) => id));
  });

  it("plans each vertex: its chain, and the types and keys at its ends", async () => {
    const { plans } = await generate(countPerNet);
    const [source, windows] = [...plans.values()];
    expect(source?.chain.map(({ node, upstream }) => [node.name, upstream])).toEqual([
      ["Source: quakes", undefined],
      ["Filter", 0],
      ["Map", 1],
    ]);
    const [output] = source?.outputs ?? [];
    expect([output?.from, output?.shipStrategy, output?.type.description]).toEqual([2, "HASH", Quake.description]);
    expect(output?.key?.select({ net: "ak", time: 1 })).toBe("ak");
    expect(windows?.inputs).toEqual([{ dataSet: output?.dataSet, type: Quake }]);
    expect(windows?.chain[0]?.node.outputType?.description).toBe(
      "row<net:string,window_start:long,window_end:long,count:long>",
    );
  });

  it("spreads records where parallelism changes, and lets one stream feed several chains", async () => {
    const { jobGraph, plans } = await generate((env) => {
      const words = env.fromCollection(["a", "b"], types.string());
      words
        .map((word) => word.length)
        .sinkTo(discardingSink("lengths"))
        .setParallelism(2);
      words.sinkTo(discardingSink("words")).setParallelism(1);
    });
    expect(jobGraph.vertices.map(({ name, parallelism }) => [name, parallelism])).toEqual([
      ["Source: Collection -> Sink: words", 1],
      ["Map", 4],
      ["Sink: lengths", 2],
    ]);
    expect(jobGraph.vertices.map(({ inputs }) => inputs.map(({ shipStrategy }) => shipStrategy))).toEqual([
      [],
      ["REBALANCE"],
      ["REBALANCE"],
    ]);
    expect([...plans.values()].map(({ outputs }) => outputs.map(({ from }) => from))).toEqual([[0], [0], []]);
  });

  it("takes the run's parallelism in place of the job's, but not of an operator's own", async () => {
    const build: Build = (env) => {
      env
        .fromSource(quakes, watermarks, "quakes")
        .map((quake) => quake)
        .setParallelism(3)
        .sinkTo(discardingSink("rows"));
    };
    const definition = defineJob({ name: "quakes", parallelism: 2 }, build);
    const { jobGraph } = await generateJobGraph(definition, { ...overrides, parallelism: 90 });
    expect(jobGraph.vertices.map(({ parallelism, maxParallelism }) => [parallelism, maxParallelism])).toEqual([
      [90, 256],
      [3, 128],
      [90, 256],
    ]);
    expect(jobGraph.configuration.parallelism).toBe(90);
  });
});

describe("operator ids", () => {
  const idsOf = async (build: Build): Promise<string[]> =>
    (await generate(build)).jobGraph.vertices.flatMap(({ operators }) => operators.map(({ id }) => id));

  it("stay when functions, names and parallelism change", async () => {
    const before: Build = (env) => {
      env
        .fromSource(quakes, watermarks, "quakes")
        .map((quake) => quake.net)
        .sinkTo(discardingSink("rows"));
    };
    const after: Build = (env) => {
      const source = env.fromSource(quakes, watermarks, "renamed").setParallelism(2);
      source
        .flatMap((quake) => [quake.time])
        .name("other")
        .setParallelism(7)
        .sinkTo(discardingSink("elsewhere"));
    };
    expect(await idsOf(after)).toEqual(await idsOf(before));
  });

  it("stay in one branch when another one grows", async () => {
    const branches =
      (grown: boolean): Build =>
      (env) => {
        const source = env.fromSource(quakes, watermarks, "quakes");
        const first = source.map((quake) => quake.net);
        (grown ? first.filter(() => true) : first).sinkTo(discardingSink("first"));
        source.map((quake) => quake.time).sinkTo(discardingSink("second"));
      };
    const before = await idsOf(branches(false));
    const after = await idsOf(branches(true));
    expect(after).toHaveLength(6);
    expect(before.filter((id) => !after.includes(id))).toHaveLength(0);
  });

  it("stay under a uid wherever the operator moves", async () => {
    const idOf = async (build: Build): Promise<string | undefined> => {
      const { jobGraph } = await generate(build);
      return jobGraph.vertices.flatMap(({ operators }) => operators).find(({ uid }) => uid === "mapper")?.id;
    };
    const before = await idOf((env) => {
      env
        .fromSource(quakes, watermarks, "quakes")
        .map((quake) => quake)
        .uid("mapper")
        .sinkTo(discardingSink("rows"));
    });
    const after = await idOf((env) => {
      env
        .fromSource(quakes, watermarks, "q")
        .filter(() => true)
        .map((quake) => quake)
        .uid("mapper")
        .sinkTo(discardingSink("rows"));
    });
    expect(after).toBe(before);
    expect(before).toMatch(/^[0-9a-f]{32}$/);
  });

  it("are the first half of a SHA-256 of uid or position: a change would orphan the state of running jobs", async () => {
    const id = (identity: string): string => createHash("sha256").update(identity).digest("hex").slice(0, 32);
    const source = id('{"input":null,"place":0}');
    const filter = id(`{"input":"${source}","place":0}`);
    const map = id(`{"input":"${filter}","place":0}`);
    const counts = id('{"uid":"counts"}');
    expect(await idsOf(countPerNet)).toEqual([source, filter, map, counts, id(`{"input":"${counts}","place":0}`)]);
  });

  it("are all different", async () => {
    const ids = await idsOf((env) => {
      for (const name of ["one", "two"]) {
        const source = env.fromSource(quakes, watermarks, name);
        source.map((quake) => quake).sinkTo(discardingSink("rows"));
        source.map((quake) => quake).sinkTo(discardingSink("rows"));
      }
    });
    expect(new Set(ids).size).toBe(10);
  });
});

describe("the graph's hash", () => {
  const hashOf = async (build: Build, options: Partial<JobOptions & JobGraphOverrides> = {}): Promise<string> =>
    (await generate(build, options)).jobGraph.hash;

  it("is the same for the same program, whatever the job's id", async () => {
    const again = await hashOf(countPerNet, { jobId: brandId<JobID>("1".repeat(32)) });
    expect(again).toBe(await hashOf(countPerNet));
  });

  const windowed =
    (size: number, field: string): Build =>
    (env) => {
      env
        .fromSource(quakes, watermarks, "quakes")
        .keyBy((quake) => quake.net)
        .window(TumblingEventTimeWindows.of(hours(size)))
        .aggregate({ [field]: count() })
        .sinkTo(discardingSink("rows"));
    };

  it("FO-14: the job's own restart strategy, else the one asked for, else three restarts a second apart", async () => {
    const asked = { kind: "fixed-delay", attempts: 9, delayMillis: 5 } as const;
    const strategyOf = async (restart: Pick<JobOptions, "restart">, more: Partial<JobGraphOverrides>) => {
      const definition = defineJob({ name: "quakes", ...restart }, windowed(6, "count"));
      const { jobGraph } = await generateJobGraph(definition, { ...overrides, ...more });
      return parseJobGraph(jobGraph).configuration.restartStrategy;
    };
    expect(await strategyOf({}, {})).toEqual({ kind: "fixed-delay", attempts: 3, delayMillis: 1_000 });
    expect(await strategyOf({}, { restartStrategy: asked })).toEqual(asked);
    expect(await strategyOf({ restart: "none" }, { restartStrategy: asked })).toEqual({ kind: "none" });
    expect((await strategyOf({ restart: { exponentialDelay: {} } }, {})).kind).toBe("exponential-delay");
    expect((await strategyOf({ restart: { failureRate: {} } }, {})).kind).toBe("failure-rate");
  });

  it("tells programs apart by everything but their functions", async () => {
    const hashes = await Promise.all([
      hashOf(windowed(6, "count")),
      hashOf(windowed(5, "count")),
      hashOf(windowed(6, "records")),
      hashOf(windowed(6, "count"), { name: "other" }),
      hashOf(windowed(6, "count"), { parallelism: 2 }),
      hashOf(windowed(6, "count"), { maxParallelism: 256 }),
      hashOf(windowed(6, "count"), { restart: "none" }),
      hashOf((env) => {
        env
          .fromSource(CollectionSource.of([{ net: "ci", time: 1 }], Quake), watermarks, "quakes")
          .sinkTo(discardingSink("rows"));
      }),
      hashOf((env) => {
        env.fromSource(quakes, watermarks, "quakes").sinkTo(discardingSink("rows"));
      }),
      hashOf((env) => {
        env.fromSource(quakes, WatermarkStrategy.noWatermarks(), "quakes").sinkTo(discardingSink("rows"));
      }),
    ]);
    expect(new Set(hashes).size).toBe(hashes.length);
  });
});

describe("faults of the program", () => {
  interface Rejected {
    readonly title: string;
    readonly build: Build;
    readonly message: string;
    readonly options?: Partial<JobOptions>;
  }

  const rejected: readonly Rejected[] = [
    {
      title: "no source",
      build: () => {},
      message: "The job has no source. Begin with env.fromSource(...) or env.fromCollection(...).",
    },
    {
      title: "no sink",
      build: (env) => void env.fromCollection([1]).map((value) => value),
      message: "The job has no sink. End a stream with .sinkTo(...).",
    },
    {
      title: "a stream that leads nowhere",
      build: (env) => {
        const source = env.fromCollection([1]);
        source.sinkTo(discardingSink("rows"));
        source.map((value) => value).name("lost");
      },
      message: 'The stream behind "lost" leads nowhere. End it with .sinkTo(...), or remove it.',
    },
    {
      title: "a duplicate uid",
      build: (env) => {
        const source = env.fromCollection([1]).uid("same");
        source
          .map((value) => value)
          .uid("same")
          .sinkTo(discardingSink("rows"));
      },
      message: 'uid "same" is used by "Source: Collection" and "Map". Give each its own.',
    },
    {
      title: "a parallelism above the max parallelism",
      build: (env) => {
        const source = env.fromCollection([1]);
        source
          .map((value) => value)
          .setParallelism(9)
          .sinkTo(discardingSink("rows"));
      },
      message: "Map: parallelism 9 is above the job's maxParallelism 8",
      options: { maxParallelism: 8 },
    },
    {
      title: "a build function that throws",
      build: () => {
        throw new RangeError("no such region");
      },
      message: "The job's build function threw: RangeError: no such region",
    },
    {
      title: "a build function that returns a promise",
      // The compiler lets an async function pass for one that returns nothing.
      build: (async (env) => {
        env.fromCollection([1]).sinkTo(discardingSink("rows"));
      }) satisfies (env: StreamExecutionEnvironment) => Promise<void> as Build,
      message: "The job's build function returned a promise. Build the graph without async and await.",
    },
    {
      title: "a record that is none of the declared type",
      build: (env) => void env.fromSource(CollectionSource.of([{ net: "ak", time: 1.5 }], Quake), undefined, "quakes"),
      message: "[0].time: expected an integer of at most 53 bits, got 1.5",
    },
  ];

  it.each(rejected)("$title", async ({ build, message, options = {} }) => {
    await expect(generate(build, options)).rejects.toThrow(
      expect.objectContaining({ code: "INVALID_PROGRAM", name: "InvalidProgramException", message }),
    );
  });

  it("a cycle", async () => {
    const body = { kind: "operator", description: "map", stateful: false, create: () => neverCreated() } as const;
    const first: { -readonly [Name in keyof Transformation]: Transformation[Name] } = { body, name: "first" };
    const second: Transformation = { body, name: "second", input: { from: first } };
    first.input = { from: second };
    await expect(generateStreamGraph([second], { parallelism: 1, maxParallelism: undefined })).rejects.toThrow(
      'The graph has a cycle through "second". Streams may only flow forward.',
    );
  });

  it("state without a uid is a warning, and an error when strict", async () => {
    const build: Build = (env) => {
      env
        .fromSource(quakes, watermarks, "quakes")
        .keyBy("net")
        .window(TumblingEventTimeWindows.of(hours(6)))
        .aggregate({ count: count() })
        .sinkTo(discardingSink("rows"));
    };
    const warning =
      'TumblingEventTimeWindows keeps state but has no uid. Add .uid("...") so that its state survives changes of the job.';
    expect((await generate(build)).warnings).toEqual([warning]);
    await expect(generate(build, { strict: true })).rejects.toThrow(warning);
    expect((await generate(countPerNet, { strict: true })).warnings).toEqual([]);
  });

  it("a graph that is changed after it was built", async () => {
    let environment: StreamExecutionEnvironment | undefined;
    await generate((env) => {
      environment = env;
      env.fromCollection([1]).sinkTo(discardingSink("rows"));
    });
    expect(() => environment?.fromCollection([2])).toThrow("The job is built already");
  });
});

function neverCreated(): never {
  throw new Error("an operator of a graph that is refused");
}
