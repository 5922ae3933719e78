import { describe, expect, it } from "vitest";
import { differences } from "./difference";

describe("what differs", () => {
  it("is told member by member, what stayed is not", () => {
    const before = { roles: ["viewer"], full_name: "A", body: { cause: "x", deep: { n: 1 } } };
    const after = { roles: ["admin"], full_name: "A", body: { cause: "x", deep: { n: 2 } } };
    expect(differences(before, after)).toEqual([
      { path: "roles", before: "viewer", after: "admin" },
      { path: "body.deep.n", before: "1", after: "2" },
    ]);
  });

  it("is everything where there was nothing, or is nothing", () => {
    expect(differences(null, { name: "A", rate: 60 })).toEqual([
      { path: "name", before: null, after: "A" },
      { path: "rate", before: null, after: "60" },
    ]);
    expect(differences({ name: "A" }, null)).toEqual([{ path: "name", before: "A", after: null }]);
  });

  it("is nothing between equals, and the value itself where it is no object", () => {
    expect(differences({ a: [1, { b: 2 }] }, { a: [1, { b: 2 }] })).toEqual([]);
    expect(differences(null, null)).toEqual([]);
    expect(differences(1, "1")).toEqual([]);
    expect(differences(false, true)).toEqual([{ path: "", before: "false", after: "true" }]);
  });
});
