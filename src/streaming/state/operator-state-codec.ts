import { SluiceException } from "../../common/exceptions.ts";
import { DataInputView } from "../../common/types/data-input-view.ts";
import { DataOutputBuffer } from "../../common/types/data-output-buffer.ts";
import type { TypeInformation } from "../../common/types/type-information.ts";
import type { OperatorSnapshot } from "./operator-snapshot.ts";

/** State of a subtask itself, as it stands in a snapshot. */
export type OperatorPart = NonNullable<OperatorSnapshot["operator"]>;

/** Writes and reads the state of a subtask itself (source positions, a sink's pending output) as one value of a type. */
export class OperatorStateCodec<T> {
  readonly #what: string;
  readonly #type: TypeInformation<T>;

  /** @param what names the state in messages: `position of the source`. */
  constructor(what: string, type: TypeInformation<T>) {
    this.#what = what;
    this.#type = type;
  }

  encode(value: T): OperatorPart {
    const output = new DataOutputBuffer();
    this.#type.serialize(value, output);
    return { serializer: this.#type.snapshot(), bytes: output.toUint8Array() };
  }

  /** @throws STATE_MIGRATION if it was written under a type that this one does not read. */
  decode(part: OperatorPart): T {
    const compatibility = this.#type.resolveCompatibility(part.serializer);
    const input = new DataInputView(part.bytes);
    switch (compatibility.kind) {
      case "as-is":
        return this.#type.deserialize(input);
      case "migrate":
        return compatibility.read(input);
      case "incompatible":
        throw new SluiceException("STATE_MIGRATION", `${this.#what}: ${compatibility.reason}`);
    }
  }
}
