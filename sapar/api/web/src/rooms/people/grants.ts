/** Roles with the city that they hold in, as `role` or `role@city`. */
import type { Role } from "../../shell/me";

export interface Grant {
  readonly role: Role;
  /** null: all cities. */
  readonly agency_id: string | null;
}

export function readGrant(text: string): Grant {
  const [role, agency_id] = text.split("@");
  return { role: role as Role, agency_id: agency_id ?? null };
}

export function writeGrant({ role, agency_id }: Grant): string {
  return agency_id === null ? role : `${role}@${agency_id}`;
}

/** Roles with one more, each once, those for all cities first. */
export function withGrant(roles: readonly string[], more: string): readonly string[] {
  const all = [...new Set([...roles, more])];
  return all.sort((a, b) => Number(a.includes("@")) - Number(b.includes("@")) || (a < b ? -1 : 1));
}
