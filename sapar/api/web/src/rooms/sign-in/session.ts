/** Who is signed in, and where. */
import { askWhoIAm, type Me, me } from "../../shell/me";
import * as state from "../../shell/state";

/**
 * Takes over what has changed of who is signed in, and asks for the rest. When no answer comes the
 * page goes on with what it knows: the change itself was made.
 */
export async function learn(known: Partial<Me>): Promise<void> {
  const person = me.peek();
  if (person) me.value = { ...person, ...known };
  await askWhoIAm(`/${state.agencyId.peek() ?? ""}`).catch(() => undefined);
}

/** A session, as /api/me/sessions and /api/people list it; times in Unix seconds of the wall. */
export interface Session {
  readonly session_no: number;
  readonly created_s: number;
  readonly last_seen_s: number;
  readonly expires_s: number;
  readonly address: string;
  readonly agent: string;
  /** The one that asks. */
  readonly this: boolean;
}
