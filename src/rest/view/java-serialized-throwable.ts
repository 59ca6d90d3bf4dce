import type { SerializedThrowable } from "../../runtime/messages/serialized-throwable.ts";

/**
 * Java serialization of `org.apache.flink.util.SerializedThrowable`, base64: the only part of a failure cause that Flink's own
 * client reads (contract: rest-v1 4.5). The class's inner exception is null, so three strings are all that varies.
 */
export function serializedThrowable(failure: SerializedThrowable): string {
  const stream = new JavaObjectStream();
  stream.short(STREAM_MAGIC);
  stream.short(STREAM_VERSION);
  stream.byte(TC_OBJECT);
  stream.classDescription("org.apache.flink.util.SerializedThrowable", {
    serialVersion: 7284183123441947635n,
    flags: SC_SERIALIZABLE,
    fields: [
      ["L", "fullStringifiedStackTrace", "Ljava/lang/String;"],
      ["L", "originalErrorClassName", "Ljava/lang/String;"],
      ["[", "serializedException", "[B"],
    ],
  });
  stream.classDescription("java.lang.Exception", {
    serialVersion: -3387516993124229948n,
    flags: SC_SERIALIZABLE,
    fields: [],
  });
  stream.classDescription("java.lang.Throwable", {
    serialVersion: -3042686055658047285n,
    flags: SC_SERIALIZABLE | SC_WRITE_METHOD,
    fields: [
      ["L", "cause", "Ljava/lang/Throwable;"],
      ["L", "detailMessage", "Ljava/lang/String;"],
      ["[", "stackTrace", "[Ljava/lang/StackTraceElement;"],
      ["L", "suppressedExceptions", "Ljava/util/List;"],
    ],
  });
  stream.byte(TC_NULL);
  stream.newObject();
  // Field values from the root of the class hierarchy down: Throwable, Exception (none), SerializedThrowable.
  stream.byte(TC_NULL);
  stream.string(`${failure.name}: ${failure.message}`);
  stream.byte(TC_NULL);
  stream.byte(TC_NULL);
  stream.byte(TC_ENDBLOCKDATA);
  stream.string(failure.stack);
  stream.string(failure.name);
  stream.byte(TC_NULL);
  return stream.toBase64();
}

// Names and values of java.io.ObjectStreamConstants.
const STREAM_MAGIC = 0xaced;
const STREAM_VERSION = 5;
const TC_NULL = 0x70;
const TC_CLASSDESC = 0x72;
const TC_OBJECT = 0x73;
const TC_STRING = 0x74;
const TC_ENDBLOCKDATA = 0x78;
const SC_WRITE_METHOD = 0x01;
const SC_SERIALIZABLE = 0x02;
const TC_REFERENCE = 0x71;
const BASE_WIRE_HANDLE = 0x7e0000;
/** Length of a string is two bytes; longer stacks are cut. */
const MAX_UTF_BYTES = 0xffff;

type FieldDescription = readonly [typeCode: "L" | "[", name: string, signature: string];

interface ClassDescription {
  readonly serialVersion: bigint;
  readonly flags: number;
  readonly fields: readonly FieldDescription[];
}

class JavaObjectStream {
  readonly #bytes: number[] = [];
  /** Every class and string gets the next handle; a string seen before is a reference to its handle. */
  readonly #handles = new Map<string, number>();
  #nextHandle = BASE_WIRE_HANDLE;

  byte(value: number): void {
    this.#bytes.push(value & 0xff);
  }

  short(value: number): void {
    this.byte(value >> 8);
    this.byte(value);
  }

  classDescription(name: string, { serialVersion, flags, fields }: ClassDescription): void {
    this.byte(TC_CLASSDESC);
    this.#utf(name);
    for (let shift = 56n; shift >= 0n; shift -= 8n) this.byte(Number((serialVersion >> shift) & 0xffn));
    this.#nextHandle++;
    this.byte(flags);
    this.short(fields.length);
    for (const [typeCode, field, signature] of fields) {
      this.byte(typeCode.charCodeAt(0));
      this.#utf(field);
      this.string(signature);
    }
    this.byte(TC_ENDBLOCKDATA);
  }

  /** The object itself takes a handle, after its classes. */
  newObject(): void {
    this.#nextHandle++;
  }

  string(value: string): void {
    const handle = this.#handles.get(value);
    if (handle === undefined) {
      this.#handles.set(value, this.#nextHandle++);
      this.byte(TC_STRING);
      this.#utf(value);
    } else {
      this.byte(TC_REFERENCE);
      this.short(handle >> 16);
      this.short(handle);
    }
  }

  toBase64(): string {
    return btoa(this.#bytes.map((byte) => String.fromCharCode(byte)).join(""));
  }

  /** Java's modified UTF-8: UTF-16 units one by one, NUL as two bytes. */
  #utf(text: string): void {
    const encoded: number[] = [];
    for (let index = 0; index < text.length; index++) {
      const unit = text.charCodeAt(index);
      const bytes =
        unit !== 0 && unit < 0x80
          ? [unit]
          : unit < 0x800
            ? [0xc0 | (unit >> 6), 0x80 | (unit & 0x3f)]
            : [0xe0 | (unit >> 12), 0x80 | ((unit >> 6) & 0x3f), 0x80 | (unit & 0x3f)];
      if (encoded.length + bytes.length > MAX_UTF_BYTES) break;
      encoded.push(...bytes);
    }
    this.short(encoded.length);
    this.#bytes.push(...encoded);
  }
}
