import type { AccessScope } from "./messages/message-headers.ts";
import { RestHandlerException } from "./rest-handler-exception.ts";

/**
 * Who may call.
 *
 * - `open`: everyone; local development only.
 * - `token`: every call needs the bearer token.
 * - `closed`: deployed without a token. Metadata is readable; nothing runs, nothing is stored, no user's data is shown.
 */
export type AccessPolicy =
  | { readonly kind: "open" }
  | { readonly kind: "token"; readonly token: string }
  | { readonly kind: "closed" };

/**
 * The policy that the worker's bindings ask for. A token is obeyed wherever it is set; open only where there is none and the
 * worker was started for local development.
 */
export function accessPolicyOf(bindings: {
  readonly SLUICE_TOKEN?: string | undefined;
  readonly SLUICE_LOCAL?: string | undefined;
}): AccessPolicy {
  const token = bindings.SLUICE_TOKEN?.trim() ?? "";
  if (token !== "") return { kind: "token", token };
  return bindings.SLUICE_LOCAL === "1" ? { kind: "open" } : { kind: "closed" };
}

/** @throws RestHandlerException 401 or 403. */
export async function checkAccess(policy: AccessPolicy, scope: AccessScope, request: Request): Promise<void> {
  if (policy.kind === "open") return;
  if (policy.kind === "closed") {
    if (scope === "read") return;
    throw new RestHandlerException(
      403,
      "This worker has no access token, so it runs and stores nothing. Set one with `npx wrangler secret put SLUICE_TOKEN`, then " +
        "send it as `Authorization: Bearer <token>`.",
    );
  }
  const presented = /^Bearer +(?<token>\S.*)$/i.exec(request.headers.get("authorization") ?? "")?.groups?.["token"];
  if (presented === undefined) {
    throw new RestHandlerException(401, "A token is required: send `Authorization: Bearer <token>`.");
  }
  if (!(await equalTexts(presented.trim(), policy.token))) {
    throw new RestHandlerException(401, "The token in `Authorization` is not this worker's.");
  }
}

/** Takes the same time wherever the texts differ, and says nothing of their lengths. */
async function equalTexts(left: string, right: string): Promise<boolean> {
  const [leftHash, rightHash] = await Promise.all([sha256(left), sha256(right)]);
  let difference = 0;
  for (let index = 0; index < leftHash.length; index++) difference |= (leftHash[index] ?? 0) ^ (rightHash[index] ?? 0);
  return difference === 0;
}

async function sha256(text: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
}
