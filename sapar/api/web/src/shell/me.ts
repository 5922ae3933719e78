/** Who is signed in, and what they may do here. */
import { computed, signal } from "@preact/signals";

export const roles = [
  "viewer",
  "dispatcher",
  "cashier",
  "accountant",
  "chief_accountant",
  "auditor",
  "admin",
] as const;
export type Role = (typeof roles)[number];

export interface Me {
  readonly user_id: number;
  readonly name: string;
  readonly full_name: string;
  /** In the city on the screen, implied ones included. */
  readonly roles: readonly Role[];
  /** Those that hold in all cities. */
  readonly everywhere: readonly Role[];
  /** Somebody else gave the password: it has to be changed first of all. */
  readonly password_temporary: boolean;
  readonly second_factor: boolean;
}

export interface Answer {
  readonly person: Me | null;
  readonly csrf: string | null;
  readonly sign_in: Ways;
}

/** How people sign in here. */
export interface Ways {
  readonly password_length_min: number;
  /** Name of the provider of identities; null when there is none. */
  readonly provider: string | null;
}

/** The person; null when nobody is signed in, undefined until the server has said. */
export const me = signal<Me | null | undefined>(undefined);

export const ways = signal<Ways>({ password_length_min: 12, provider: null });

/** The session has ended under a person: the page stays as it is and asks for the password. */
export const timedOut = signal(false);

const money: readonly Role[] = ["cashier", "accountant", "chief_accountant"];

/** The roles that a person has, those that others imply included. */
export function impliedRoles(given: readonly Role[]): ReadonlySet<Role> {
  const all = new Set(given);
  if (all.has("admin")) for (const role of roles) if (!money.includes(role)) all.add(role);
  if (all.has("dispatcher") || all.has("auditor")) all.add("viewer");
  return all;
}

// A password that somebody else gave opens nothing yet.
const held = computed(() =>
  impliedRoles(me.value?.password_temporary ? [] : (me.value?.roles ?? [])),
);

/** Whether the person on this page has one of the roles. */
export function may(...wanted: readonly Role[]): boolean {
  return wanted.some((role) => held.value.has(role));
}

let proof = "";

/** What proves that a change comes from this page: the value of the header X-Sapar-Csrf. */
export function csrf(): string {
  return proof;
}

/** The server no longer knows the session. */
export function signedOut(): void {
  if (me.peek()) timedOut.value = true;
  else if (me.peek() === null) me.value = null;
}

/** Takes what the server says of who is signed in. */
export function takeMe(answer: Answer): void {
  ways.value = answer.sign_in;
  if (answer.person === null && me.peek()) {
    timedOut.value = true;
    return;
  }
  proof = answer.csrf ?? "";
  me.value = answer.person;
  timedOut.value = false;
}

/** Nobody is at this page any more: what was open is closed. */
export function leave(): void {
  proof = "";
  me.value = null;
  timedOut.value = false;
}

/** Asks the server who is signed in, and with which roles in the city `base` ("/aqtobe"). */
export async function askWhoIAm(base: string): Promise<void> {
  const response = await fetch(`${base}/api/me`, { cache: "no-store" });
  if (!response.ok) throw new Error(`http_${response.status}`);
  takeMe((await response.json()) as Answer);
}

/** Ends the session. */
export async function signOut(): Promise<void> {
  const headers = { "X-Sapar-Csrf": proof };
  const response = await fetch("/api/session", { method: "DELETE", headers });
  if (response.ok) leave();
}
