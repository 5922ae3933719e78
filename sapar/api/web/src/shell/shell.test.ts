import { describe, expect, it } from "vitest";
import { ageNow, answered, empty, failed, firstLink } from "../data/link";
import { meaningOf } from "./keys";
import { impliedRoles } from "./me";
import { type Bound, readPath, writePath, writeQuery } from "./path";

describe("path", () => {
  it.each([
    ["/", { agency: null, room: "map" }],
    ["/aqtobe/", { agency: "aqtobe", room: "map" }],
    ["/console/ladder", { agency: null, room: "ladder" }],
    ["/aqtobe/console/sign-in", { agency: "aqtobe", room: "sign-in" }],
  ])("%s names city and room, and is written as it was read", (path, place) => {
    expect(readPath(path)).toEqual(place);
    expect(writePath(place)).toBe(path);
  });
});

describe("query", () => {
  const bound = (name: string, room: string | null, ...values: string[]): Bound => ({
    name,
    room,
    write: () => values,
    read: () => undefined,
  });
  const all = [bound("bus", null, "207"), bound("hide", "map", "R1", "R 2"), bound("x", "map", "")];

  it("holds what every room shares and what the open room binds", () => {
    const none = new URLSearchParams();
    expect(writeQuery(none, all, "map", false)).toBe("?bus=207&hide=R1&hide=R+2&x");
    expect(writeQuery(none, all, "ladder", false)).toBe("?bus=207");
    expect(writeQuery(none, [], "map", false)).toBe("");
  });

  it("keeps what a room that is still being fetched will read, until another is opened", () => {
    const now = new URLSearchParams("lang=kk&flip=1&bus=1");
    expect(writeQuery(now, all, "ladder", false)).toBe("?lang=kk&flip=1&bus=207");
    expect(writeQuery(now, all, "ladder", true)).toBe("?lang=kk&bus=207");
  });
});

describe("keys", () => {
  const press = (code: string, more = {}) => ({
    code,
    shift: false,
    ctrl: false,
    foreign: false,
    typing: false,
    ...more,
  });
  const after = { KeyL: "ladder" };
  const own = [{ code: "KeyC" }, { code: "ArrowUp", shift: true }, { code: "Enter", ctrl: true }];
  const meaning = (made: ReturnType<typeof press>, waiting = false, letters = true) =>
    meaningOf(made, waiting, letters, after, own);

  it("go by their place, and G waits for a second one", () => {
    expect(meaning(press("Slash"))).toEqual({ kind: "search" });
    expect(meaning(press("Slash", { shift: true }))).toEqual({ kind: "help" });
    expect(meaning(press("KeyG"))).toEqual({ kind: "none", waiting: true });
    expect(meaning(press("KeyL"), true)).toEqual({ kind: "room", path: "ladder" });
    expect(meaning(press("KeyT"), true)).toEqual({ kind: "list" });
    expect(meaning(press("KeyX"), true)).toEqual({ kind: "none", waiting: false });
  });

  it("of the room answer with their modifiers alone", () => {
    expect(meaning(press("KeyC"))).toEqual({ kind: "key", index: 0 });
    expect(meaning(press("KeyC", { shift: true })).kind).toBe("none");
    expect(meaning(press("ArrowUp", { shift: true }))).toEqual({ kind: "key", index: 1 });
    expect(meaning(press("Enter", { ctrl: true, typing: true }))).toEqual({
      kind: "key",
      index: 2,
    });
  });

  it("leave text fields and the system's own keys alone; Escape always works", () => {
    expect(meaning(press("KeyC", { typing: true })).kind).toBe("none");
    expect(meaning(press("KeyC", { foreign: true })).kind).toBe("none");
    expect(meaning(press("Escape", { typing: true })).kind).toBe("close");
  });

  it("that are letters can be switched off", () => {
    expect(meaning(press("KeyC"), false, false).kind).toBe("none");
    expect(meaning(press("Slash"), false, false).kind).toBe("search");
  });
});

describe("roles", () => {
  it("imply others: a dispatcher looks, an administrator does all but money", () => {
    expect(impliedRoles(["dispatcher"])).toEqual(new Set(["dispatcher", "viewer"]));
    expect(impliedRoles(["admin"]).has("auditor")).toBe(true);
    expect(impliedRoles(["admin"]).has("cashier")).toBe(false);
  });
});

describe("link", () => {
  it("grows old while nothing new comes, and two failures mean that the server is away", () => {
    let link = answered(0.5, 1000);
    expect(ageNow(link, 3000)).toBe(2.5);
    link = failed(link);
    expect(link.reachable).toBe(true);
    link = failed(link);
    expect(link.reachable).toBe(false);
    expect(ageNow(link, 9000)).toBe(8.5);
    expect(answered(1, 9000).reachable).toBe(true);
  });

  it("has no age before the first state", () => {
    expect(ageNow(empty(firstLink, 5), 9000)).toBeNull();
  });
});
