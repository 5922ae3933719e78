import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { pauseAfter } from "./link";
import { Refused, readStream } from "./stream";

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** Serves the answers one after the other; gives the address. */
async function serve(...answers: Answer[]): Promise<string> {
  const server = createServer((request, response) => {
    const answer = answers.shift();
    if (answer) answer(request, response);
    else response.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/stream`;
}

const snapshot = { fleet: { time_s: 1, vehicles: [{ id: "1", lat: 1 }] }, console: null };
const delta = { time_s: 2, set: [{ id: "1", lat: 2 }], gone: [], console: null };

function event(name: string, data: unknown, id = ""): string {
  return `${id === "" ? "" : `id: ${id}\n`}event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}

interface Told {
  readonly states: unknown[];
  readonly ages: number[];
  readonly lists: string[];
  opened: number;
}

function follow(url: string) {
  const told: Told = { states: [], ages: [], lists: [], opened: 0 };
  const stream = readStream(url, {
    onOpen: () => {
      told.opened += 1;
    },
    onState: (fleet) => told.states.push(fleet),
    onAge: (age_s) => told.ages.push(age_s),
    onDesk: (list) => told.lists.push(list),
  });
  return { told, read: () => stream.read(new AbortController().signal) };
}

describe("the stream", () => {
  it("goes on from the last tick after a break", async () => {
    let asked: string | undefined;
    const url = await serve(
      (_request, response) => {
        response.write(event("snapshot", snapshot, "3-1") + event("age", { age_s: 0.5 }));
        response.end(event("desk", { what: "acts" }) + event("desk", { what: "nonsense" }));
      },
      (request, response) => {
        asked = request.headers["last-event-id"] as string;
        response.end(event("delta", delta, "3-2"));
      },
    );
    const { told, read } = follow(url);
    await read();
    await read();
    expect(asked).toBe("3-1");
    expect(told.states).toEqual([
      { time_s: 1, vehicles: [{ id: "1", lat: 1 }] },
      { time_s: 2, vehicles: [{ id: "1", lat: 2 }] },
    ]);
    expect(told.ages).toEqual([0.5]);
    expect(told.lists).toEqual(["acts"]);
    expect(told.opened).toBe(2);
  });

  it("begins anew after something that it cannot read", async () => {
    let asked: string | undefined = "";
    const url = await serve(
      (_request, response) => {
        response.write(event("snapshot", snapshot, "3-1"));
        response.end("id: 3-2\nevent: delta\ndata: {nonsense\n\n");
      },
      (request, response) => {
        asked = request.headers["last-event-id"] as string | undefined;
        response.end(event("snapshot", snapshot, "3-3"));
      },
    );
    const { told, read } = follow(url);
    await expect(read()).rejects.toThrow(SyntaxError);
    await read();
    expect(asked).toBeUndefined();
    expect(told.states).toHaveLength(2);
  });

  it("says who may not look", async () => {
    const url = await serve((_request, response) => response.writeHead(401).end());
    await expect(follow(url).read()).rejects.toEqual(new Refused(401));
  });

  it("is tried again soon, then more rarely", () => {
    const pauses = [0, 1, 2, 3, 4, 50].map(pauseAfter);
    expect(pauses).toEqual([250, 1000, 2000, 4000, 4000, 4000]);
  });
});
