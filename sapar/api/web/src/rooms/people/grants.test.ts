import { describe, expect, it } from "vitest";
import { readGrant, withGrant, writeGrant } from "./grants";

describe("roles with their city", () => {
  it.each(["viewer", "dispatcher@aktobe"])("%s is read and written alike", (text) => {
    expect(writeGrant(readGrant(text))).toBe(text);
  });

  it("stand once, those for all cities first", () => {
    const roles = withGrant(["viewer@shymkent", "admin"], "auditor");
    expect(roles).toEqual(["admin", "auditor", "viewer@shymkent"]);
    expect(withGrant(roles, "admin")).toEqual(roles);
  });
});
