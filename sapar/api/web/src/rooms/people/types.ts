import type { Session } from "../sign-in/session";

/** A person, as /api/people lists them; times in Unix seconds of the wall. */
export interface Person {
  readonly user_id: number;
  readonly name: string;
  readonly full_name: string;
  readonly language: string;
  /** `role` (in all cities) or `role@city`. */
  readonly roles: readonly string[];
  readonly created_s: number;
  readonly ended_s: number | null;
  readonly last_seen_s: number | null;
  readonly has_password: boolean;
  readonly password_temporary: boolean;
  readonly second_factor: boolean;
}

export interface People {
  readonly people: readonly Person[];
  /** The name behind which the next page begins. */
  readonly next: string | null;
}

export interface OnePerson {
  readonly person: Person;
  readonly sessions: readonly Session[];
}

/** A password that is told once, and whose it is. */
export interface Told {
  readonly name: string;
  readonly password: string;
}
