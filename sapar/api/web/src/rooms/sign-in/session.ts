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
