import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  EXCEPTION_NAMES,
  fromErrorData,
  fromUnknown,
  isErrorData,
  reviveAs,
  SluiceException,
  toErrorData,
} from "../../src/common/exceptions.ts";
import type { ErrorData, ExceptionCode } from "../../src/common/exceptions.ts";
import * as rpc from "../../src/rpc/exceptions.ts";

describe("SluiceException", () => {
  it("has the name of its code and is told by brand and code", () => {
    const exception = new SluiceException("JOB_NOT_FOUND", "no job 7", { retryable: true, cause: new Error("why") });
    expect(exception).toMatchObject({ name: "JobNotFoundException", code: "JOB_NOT_FOUND", retryable: true });
    expect(SluiceException.is(exception)).toBe(true);
    expect(SluiceException.is(exception, "JOB_NOT_FOUND")).toBe(true);
    expect(SluiceException.is(exception, "CONFLICT")).toBe(false);
    expect(SluiceException.is(new Error("no job 7"))).toBe(false);
    expect(SluiceException.is({ code: "JOB_NOT_FOUND" })).toBe(false);
  });

  it("is told across copies of the module", () => {
    const foreign = Object.defineProperty(new Error("from another copy"), Symbol.for("sluice.exception"), {
      value: true,
    });
    expect(SluiceException.is(Object.assign(foreign, { code: "CONFLICT" }), "CONFLICT")).toBe(true);
  });
});

describe("the RPC family", () => {
  it("is Flink's: connection, recipient, fencing and start failures are RpcExceptions, unknown messages runtime ones", () => {
    const family = (error: Error): string[] =>
      [rpc.RpcException, rpc.RpcConnectionException, rpc.RpcRuntimeException]
        .filter((type) => error instanceof type)
        .map((type) => type.name);
    expect(family(new rpc.RecipientUnreachableException(""))).toEqual(["RpcException"]);
    expect(family(new rpc.FencingTokenException(""))).toEqual(["RpcException"]);
    expect(family(new rpc.EndpointNotStartedException(""))).toEqual(["RpcException"]);
    expect(family(new rpc.HandshakeException(""))).toEqual(["RpcException", "RpcConnectionException"]);
    expect(family(new rpc.UnknownMessageException(""))).toEqual(["RpcRuntimeException"]);
  });

  it("every class is revived as itself", () => {
    for (const [name, type] of Object.entries(rpc)) {
      const revived = fromErrorData(toErrorData(new type("message")));
      expect(revived, name).toBeInstanceOf(type);
      expect(revived.name).toBe(name);
    }
  });

  it("a code has one class", () => {
    expect(() => reviveAs("FENCING_TOKEN", (message) => new rpc.FencingTokenException(message))).toThrow(
      /has a class already/,
    );
  });
});

describe("error data", () => {
  it("round-trips code, message, retryable, stack and causes, also through JSON", () => {
    const codes = Object.keys(EXCEPTION_NAMES) as ExceptionCode[];
    fc.assert(
      fc.property(fc.constantFrom(...codes), fc.string(), fc.boolean(), (code, message, retryable) => {
        const original = new SluiceException(code, message, { retryable, cause: new RangeError("cause") });
        const data = JSON.parse(JSON.stringify(toErrorData(original))) as ErrorData;
        expect(isErrorData(data)).toBe(true);
        const revived = fromErrorData(data);
        expect(revived).toMatchObject({ code, message, retryable, remoteStack: original.stack });
        expect(revived.cause).toMatchObject({ name: "RangeError", message: "cause", code: "UNEXPECTED" });
      }),
    );
  });

  it("keeps the language's own names and no others", () => {
    class Evil extends Error {
      override name = "FencingTokenException";
    }
    expect(fromErrorData(toErrorData(new TypeError("x"))).name).toBe("TypeError");
    const revived = fromErrorData(toErrorData(new Evil("x")));
    expect(revived.name).toBe("Error");
    expect(revived.code).toBe("UNEXPECTED");
  });

  it("takes data of an unknown code as unexpected, with its message", () => {
    const data = { code: "FROM_THE_FUTURE", name: "X", message: "still readable", retryable: true };
    expect(fromErrorData(data as unknown as ErrorData)).toMatchObject({
      code: "UNEXPECTED",
      message: "still readable",
      name: "Error",
    });
    expect(fromErrorData({ ...data, code: "toString" } as unknown as ErrorData).code).toBe("UNEXPECTED");
  });

  it("ends cause chains, also endless ones", () => {
    const loop = new Error("loop");
    loop.cause = loop;
    let depth = 0;
    for (let data: ErrorData | undefined = toErrorData(loop); data !== undefined; data = data.cause) depth += 1;
    expect(depth).toBe(17);
  });

  it.each([
    ["text", "text"],
    [undefined, "undefined"],
    [7, "7"],
    [{ a: 1 }, '{"a":1}'],
    [Symbol("s"), "Symbol(s)"],
  ])("takes %s that was thrown, whatever it is", (value, part) => {
    const exception = fromUnknown(value);
    expect(exception.code).toBe("UNEXPECTED");
    expect(exception.message).toContain(part);
  });
});
