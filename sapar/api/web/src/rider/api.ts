/** Talking to the API of the page's city. */
import { boot } from "./boot";
import { t } from "./words";

/** What the API answered instead of success; code `no_network` when nothing answered. */
export class Failure extends Error {
  override readonly name = "Failure";
  constructor(
    readonly status: number,
    readonly code: string,
  ) {
    super(code);
  }

  /** The reason in the page's language. */
  get words(): string {
    const known: Readonly<Record<string, string>> = {
      card_or_pin: t("wrong_card_or_pin"),
      too_many_tries: t("wrong_too_many_tries"),
      card_number: t("wrong_card_number"),
      no_card_lookup: t("wrong_no_card_lookup"),
      pan_like: t("wrong_pan_like"),
      no_network: t("wrong_no_network"),
    };
    return known[this.code] ?? t("wrong_other", { code: this.code });
  }
}

const patience_ms = 12_000;

export function addressOf(path: string, query: Readonly<Record<string, string | number>> = {}) {
  const parts = new URLSearchParams(Object.entries(query).map(([k, v]) => [k, String(v)]));
  const text = parts.toString();
  return `${boot.base}${path}${text === "" ? "" : `?${text}`}`;
}

/** Asks the API; `body` makes it a POST. The browser asks conditionally by itself (ETag). */
export async function ask<T>(
  path: string,
  query: Readonly<Record<string, string | number>> = {},
  body?: unknown,
): Promise<T> {
  let response: Response;
  try {
    response = await fetch(addressOf(path, query), {
      method: body === undefined ? "GET" : "POST",
      cache: body === undefined ? "no-cache" : "no-store",
      credentials: "omit",
      signal: AbortSignal.timeout(patience_ms),
      ...(body === undefined
        ? {}
        : { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }),
    });
  } catch {
    throw new Failure(0, "no_network");
  }
  const told = (await response.json().catch(() => null)) as
    | (T & { readonly error?: { readonly code: string } })
    | null;
  if (response.ok && told !== null) return told;
  throw new Failure(response.status, told?.error?.code ?? `http_${response.status}`);
}
