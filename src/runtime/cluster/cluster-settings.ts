import { SluiceException } from "../../common/exceptions.ts";
import type { ClusterSettings } from "../messages/cluster-info.ts";
import {
  CLUSTER_QUOTA_NAMES,
  DEFAULT_CLUSTER_QUOTAS,
  MAX_CLUSTER_QUOTAS,
  type ClusterQuotas,
} from "../messages/cluster-quotas.ts";
import { parseObjectName } from "../object-name.ts";

/** A cluster can be named by a host name, so its name is one label of one. */
const NEW_CLUSTER_NAME = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const MAX_LOCATION_HINT_LENGTH = 32;

/** @throws SluiceException INVALID_ARGUMENT. */
export function checkClusterName(name: string): void {
  if (NEW_CLUSTER_NAME.test(name)) return;
  throw invalid("name", '1 to 63 lower-case letters, digits and "-", the last not at either end', name);
}

/** @throws SluiceException INVALID_ARGUMENT if it cannot be a part of an object's name. */
export function checkClusterPlace({ jurisdiction, locationHint }: ClusterSettings): void {
  if (jurisdiction !== undefined && !fitsObjectName(jurisdiction)) {
    throw invalid("jurisdiction", "the name of a jurisdiction, such as eu", jurisdiction);
  }
  if (locationHint !== undefined && !new RegExp(`^[a-z0-9-]{1,${MAX_LOCATION_HINT_LENGTH}}$`).test(locationHint)) {
    throw invalid("locationHint", "the name of a location, such as weur", locationHint);
  }
}

/** The quotas with defaults. @throws SluiceException INVALID_ARGUMENT for one out of bounds. */
export function resolveQuotas(asked: Partial<ClusterQuotas> = {}): ClusterQuotas {
  const quotas = { ...DEFAULT_CLUSTER_QUOTAS, ...asked };
  for (const name of CLUSTER_QUOTA_NAMES) {
    const [value, most] = [quotas[name], MAX_CLUSTER_QUOTAS[name]];
    if (!Number.isInteger(value) || value < 1 || value > most) {
      throw invalid(`quotas.${name}`, `an integer from 1 to ${most}`, value);
    }
  }
  return quotas;
}

function fitsObjectName(jurisdiction: string): boolean {
  return parseObjectName(`v1/${jurisdiction}/cluster/dispatcher/id`) !== undefined && jurisdiction !== "-";
}

function invalid(field: string, expected: string, value: string | number): SluiceException {
  return new SluiceException("INVALID_ARGUMENT", `${field}: expected ${expected}, got ${JSON.stringify(value)}`);
}
