import { describe, expect, it } from "vitest";
import { type Delta, EventReader, LiveState, type Snapshot, type StreamEvent } from "./deltas";

const text =
  'retry: 1000\n\n: keep-alive\n\nid: 3-41\nevent: snapshot\ndata: {"a":1}\n\n' +
  'event: age\ndata: {"age_s":0.5}\n\nid: 3-42\nevent: delta\ndata: {\ndata: "b":2}\n\n';

describe("events out of text", () => {
  const whole: StreamEvent[] = [
    { name: "snapshot", data: '{"a":1}', id: "3-41" },
    { name: "age", data: '{"age_s":0.5}', id: "3-41" },
    { name: "delta", data: '{\n"b":2}', id: "3-42" },
  ];

  it("are the same wherever the text is cut", () => {
    expect(new EventReader().take(text)).toEqual(whole);
    for (let cut = 0; cut <= text.length; cut += 1) {
      const reader = new EventReader();
      expect([...reader.take(text.slice(0, cut)), ...reader.take(text.slice(cut))]).toEqual(whole);
    }
    const reader = new EventReader();
    expect([...text].flatMap((letter) => reader.take(letter))).toEqual(whole);
  });

  it("may end their lines in CR LF", () => {
    expect(new EventReader().take(text.replaceAll("\n", "\r\n"))).toEqual(whole);
  });
});

const snapshot = {
  fleet: {
    time_s: 10,
    heard: 2,
    expected: 3,
    vehicles: [
      { id: "1", lat: 50, lon: 57, delay_s: null },
      { id: "2", lat: 51, lon: 58, delay_s: 60 },
    ],
  },
  console: {
    time_s: 10,
    buses: [{ id: "1", share: 0.5 }],
    ghosts: [
      { trip_id: "T", start_s: 100, reason: "silent" },
      { trip_id: "T", start_s: 200, reason: "depot" },
    ],
    alarms: [],
    routes: [{ route_id: "105", direction: null, running: 4 }],
  },
} as unknown as Snapshot;

const quiet = { set: [], gone: [] };
const delta = {
  time_s: 12,
  heard: 3,
  expected: 3,
  set: [
    { id: "2", lat: 51.5 },
    { id: "3", lat: 52, lon: 59 },
  ],
  gone: ["1"],
  console: {
    time_s: 12,
    buses: { set: [], gone: ["1"] },
    ghosts: { set: [{ trip_id: "T", start_s: 200, reason: "cancelled" }], gone: [["T", 100]] },
    alarms: { set: [{ key: "late:2", kind: "late" }], gone: [] },
    routes: { set: [{ route_id: "105", direction: null, running: 5 }], gone: [] },
  },
} as unknown as Delta;

describe("a state that follows", () => {
  it("begins with the snapshot", () => {
    const state = new LiveState(snapshot);
    expect(state.fleet).toEqual(snapshot.fleet);
    expect(state.console).toEqual(snapshot.console);
  });

  it("takes what changed, what came and what went", () => {
    const state = new LiveState(snapshot);
    state.apply(delta);
    expect(state.fleet).toEqual({
      time_s: 12,
      heard: 3,
      expected: 3,
      vehicles: [
        { id: "2", lat: 51.5, lon: 58, delay_s: 60 },
        { id: "3", lat: 52, lon: 59 },
      ],
    });
    expect(state.console).toEqual({
      time_s: 12,
      buses: [],
      ghosts: [{ trip_id: "T", start_s: 200, reason: "cancelled" }],
      alarms: [{ key: "late:2", kind: "late" }],
      routes: [{ route_id: "105", direction: null, running: 5 }],
    });
  });

  it("keeps unchanged rows as the same objects", () => {
    const state = new LiveState(snapshot);
    const before = state.fleet.vehicles[1];
    state.apply({ ...delta, set: [], gone: [], console: null } as unknown as Delta);
    expect(state.fleet.vehicles[1]).toBe(before);
    expect(state.console).toBeNull();
  });

  it("sets a row anew that lost a member", () => {
    const state = new LiveState(snapshot);
    state.apply({ ...delta, set: [{ id: "2", lat: 1 }], gone: ["2"] } as unknown as Delta);
    expect(state.fleet.vehicles.find(({ id }) => id === "2")).toEqual({ id: "2", lat: 1 });
  });

  it("takes up a console that was not there", () => {
    const state = new LiveState({ ...snapshot, console: null });
    const desk = { time_s: 12, buses: { set: [{ id: "9" }], gone: [] } };
    state.apply({
      ...delta,
      console: { ...desk, ghosts: quiet, alarms: quiet, routes: quiet },
    } as unknown as Delta);
    expect(state.console?.buses).toEqual([{ id: "9" }]);
    expect(state.console?.ghosts).toEqual([]);
  });
});
