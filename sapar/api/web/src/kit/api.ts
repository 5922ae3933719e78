/** Talking to the API: the session's cookie, the CSRF header, typed errors. */
import { csrf, signedOut } from "../shell/me";
import * as state from "../shell/state";

/** What the API answered instead of success: its one error shape, see docs/api.md. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly hint: string | null = null,
    /** Seconds until trying again makes sense, where the server says so. */
    readonly retry_s: number | null = null,
  ) {
    super(message);
  }
}

/** Whether the answer says nothing of what was asked: there was none, or not now. */
export function isPassing(status: number): boolean {
  return status === 0 || status === 429 || status >= 500;
}

type Value = string | number | boolean | null | undefined;
export type Query = Readonly<Record<string, Value | readonly string[]>>;

export interface Options {
  readonly signal?: AbortSignal;
  readonly query?: Query;
  /** After this the request counts as failed. */
  readonly timeout_ms?: number;
}

const patience_ms = 15_000;

/** The address of an agency's resource: `/api/…` of the city on the screen. */
export function agencyUrl(path: string, query: Query = {}): string {
  const parts = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === null || value === undefined) continue;
    const values = typeof value === "object" ? value : [String(value)];
    for (const one of values) parts.append(name, one);
  }
  const text = parts.toString();
  const id = state.agencyId.value;
  return `${id === null ? "" : `/${id}`}${path}${text === "" ? "" : `?${text}`}`;
}

async function request(method: string, url: string, body: unknown, options: Options) {
  const limits = [AbortSignal.timeout(options.timeout_ms ?? patience_ms)];
  if (options.signal) limits.push(options.signal);
  const unsafe = method !== "GET";
  const headers: Record<string, string> = { Accept: "application/json" };
  if (unsafe) headers["X-Sapar-Csrf"] = csrf();
  const file = body instanceof Blob ? body : null;
  if (file) headers["Content-Type"] = file.type || "application/octet-stream";
  else if (body !== undefined) headers["Content-Type"] = "application/json";
  let response: Response;
  try {
    response = await fetch(url, {
      method,
      headers,
      cache: "no-store",
      credentials: "same-origin",
      signal: AbortSignal.any(limits),
      ...(body === undefined ? {} : { body: file ?? JSON.stringify(body) }),
    });
  } catch (cause) {
    if (options.signal?.aborted) throw cause;
    throw new ApiError(0, "no_answer", String(cause));
  }
  if (response.ok) return response;
  const told = (await response.json().catch(() => null)) as {
    error?: { code?: string; message?: string; hint?: string | null };
  } | null;
  const error = new ApiError(
    response.status,
    told?.error?.code ?? `http_${response.status}`,
    told?.error?.message ?? response.statusText,
    told?.error?.hint ?? null,
    Number(response.headers.get("Retry-After") ?? Number.NaN) || null,
  );
  if (response.status === 401) signedOut();
  throw error;
}

/** Gets JSON of the city on the screen: `getJson<Alarm[]>("/api/dispatch/alarms.json")`. */
export async function getJson<T>(path: string, options: Options = {}): Promise<T> {
  const response = await request("GET", agencyUrl(path, options.query), undefined, options);
  return (await response.json()) as T;
}

/** Sends a change to the city on the screen; gives the answer, undefined when it has no body. */
export async function send<T = void>(
  method: "POST" | "PUT" | "PATCH" | "DELETE",
  path: string,
  body?: unknown,
  options: Options = {},
): Promise<T> {
  const response = await request(method, agencyUrl(path, options.query), body, options);
  const text = await response.text();
  return (text === "" ? undefined : JSON.parse(text)) as T;
}

/** Sends a file as it is; gives the answer. */
export async function sendFile<T>(path: string, file: Blob, options: Options = {}): Promise<T> {
  const response = await request("POST", agencyUrl(path, options.query), file, options);
  return (await response.json()) as T;
}

/** The same for addresses of the whole deployment, like `/api/me`. */
export async function sendPlain<T = void>(
  method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE",
  url: string,
  body?: unknown,
  options: Options = {},
): Promise<T> {
  const response = await request(method, url, body, options);
  const text = await response.text();
  return (text === "" ? undefined : JSON.parse(text)) as T;
}
