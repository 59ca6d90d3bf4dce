import type { TypeInformation } from "../../common/types/type-information.ts";
import { showValue } from "../../common/types/type-mismatch-exception.ts";
import { describeRecord, userCodeException } from "../operators/user-code.ts";
import { UNDECLARED_KEY_TYPE } from "../state/key-type.ts";
import type { KeySelection } from "./stream-node.ts";

const KEY_RULE = "Keys are strings, booleans, typed numbers or rows of these.";

/** The checked form of a user's key selector. @param where names the `keyBy` in messages. */
export function keySelection(
  where: string,
  selector: (value: unknown) => unknown,
  type: TypeInformation<unknown>,
): KeySelection {
  return {
    type,
    select(value, recordNumber) {
      let key: unknown;
      try {
        key = selector(value);
      } catch (error) {
        throw userCodeException(`${where}: the key selector failed for ${describeRecord(value, recordNumber)}`, error);
      }
      try {
        return type.parse(key);
      } catch {
        throw noKey(where, key, `${describeRecord(value, recordNumber)}. ${hintFor(key, type)}${KEY_RULE}`);
      }
    },
  };
}

function noKey(where: string, key: unknown, rest: string): Error {
  return userCodeException(where, new TypeError(`the key selector returned ${showValue(key)} for ${rest}`));
}

function hintFor(key: unknown, type: TypeInformation<unknown>): string {
  if (key === undefined || key === null) return "";
  if (type !== UNDECLARED_KEY_TYPE) return `The declared key type is ${type.description}. `;
  return typeof key === "number"
    ? "Declare a number's type: keyBy(selector, types.int()), types.long() or types.double(). "
    : "";
}
