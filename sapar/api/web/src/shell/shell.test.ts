import { describe, expect, it } from "vitest";
import { ageNow, answered, empty, failed, firstLink } from "../data/link";
import { type Address, readAddress, writeQuery } from "./address";
import { commandOf } from "./keys";

describe("address", () => {
  const full: Address = {
    agency: "aqtobe",
    bus: "207",
    question: "age",
    list: true,
    exceptions: true,
    hidden: ["R1", "R 2"],
    hiddenPhases: ["deadhead", "depot"],
    at: { lat: 50.28, lon: 57.17, zoom: 13.5 },
  };

  it("comes back as it was written", () => {
    const query = writeQuery(full, new URLSearchParams());
    expect(readAddress("/aqtobe/", query)).toEqual(full);
  });

  it("keeps parameters of other parts and leaves defaults out", () => {
    const plain = readAddress("/", "");
    expect(writeQuery(plain, new URLSearchParams("lang=kk&x=1"))).toBe("?lang=kk");
    expect(writeQuery(plain, new URLSearchParams())).toBe("");
  });

  it("takes the states that it knows and no others", () => {
    const { hiddenPhases } = readAddress("/", "?hide_state=depot&hide_state=asleep");
    expect(hiddenPhases).toEqual(["depot"]);
  });

  it.each(["?at=1,2", "?at=a,b,c", "?at=91,0,3", "?at=1,2,99", "?colour=pink"])(
    "falls back for %s",
    (query) => {
      expect(readAddress("/", query)).toMatchObject({ at: null, question: "adherence" });
    },
  );
});

describe("keys", () => {
  const press = (code: string, more = {}) => ({
    code,
    shift: false,
    modified: false,
    typing: false,
    ...more,
  });

  it("go by their place, and G waits for a second one", () => {
    expect(commandOf(press("Slash"), false, true).command).toBe("search");
    expect(commandOf(press("Slash", { shift: true }), false, true).command).toBe("help");
    const waiting = commandOf(press("KeyG"), false, true);
    expect(waiting).toEqual({ command: null, waiting: true });
    expect(commandOf(press("KeyT"), true, true).command).toBe("list");
    expect(commandOf(press("KeyX"), true, true)).toEqual({ command: null, waiting: false });
  });

  it("leave text fields and the browser's own keys alone; Escape always works", () => {
    expect(commandOf(press("KeyC", { typing: true }), false, true).command).toBeNull();
    expect(commandOf(press("KeyC", { modified: true }), false, true).command).toBeNull();
    expect(commandOf(press("Escape", { typing: true }), false, true).command).toBe("close");
  });

  it("letters can be switched off", () => {
    expect(commandOf(press("KeyC"), false, false).command).toBeNull();
    expect(commandOf(press("Slash"), false, false).command).toBe("search");
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
