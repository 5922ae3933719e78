/** Reports that wait for a network. Each has its code already, so sending it twice files it once. */
import { signal } from "@preact/signals";
import { ask, Failure } from "./api";
import { keep, kept } from "./store";
import { online } from "./ticker";

export interface Report {
  readonly code: string;
  readonly kind: string;
  readonly language: string;
  readonly text: string;
  readonly contact: string;
  readonly at_s: number;
  readonly stop_id?: string;
  readonly route_id?: string;
  readonly trip_id?: string;
  readonly vehicle_id?: string;
  readonly shown?: Readonly<Record<string, unknown>>;
}

export const waiting = signal<readonly Report[]>(kept("outbox", []));

const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/** Makes the code of a report: 80 random bits in Crockford's base 32. */
export function makeCode(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => alphabet[byte % 32]).join("");
}

/** "4S7Q-K2M9-X0AB-3CDE", as people copy it. */
export const codeText = (code: string): string => code.match(/.{1,4}/g)?.join("-") ?? code;

/** Sends a report; gives its number, or null when it waits for a network. */
export async function send(report: Report): Promise<number | null> {
  try {
    const filed = await ask<{ readonly report_no: number }>("/api/rider/reports", {}, report);
    drop(report.code);
    return filed.report_no;
  } catch (error) {
    const later = error instanceof Failure && (error.status === 0 || error.status >= 500);
    if (!later) {
      drop(report.code);
      throw error;
    }
    waiting.value = [...waiting.value.filter((one) => one.code !== report.code), report];
    keep("outbox", waiting.value);
    return null;
  }
}

function drop(code: string): void {
  waiting.value = waiting.value.filter((one) => one.code !== code);
  keep("outbox", waiting.value);
}

/** Sends what waits, now and whenever a network comes back. */
export function startSending(): void {
  const sendAll = async (): Promise<void> => {
    for (const report of waiting.value) await send(report).catch(() => null);
  };
  void sendAll();
  online.subscribe((there) => {
    if (there) void sendAll();
  });
  setInterval(() => void sendAll(), 60_000);
}
