/** Answers that come line by line, each a JSON value. */

/** Splits what has come so far into whole lines and the rest. */
export function splitLines(text: string): {
  readonly lines: readonly string[];
  readonly rest: string;
} {
  const parts = text.split("\n");
  return { lines: parts.slice(0, -1).filter((one) => one !== ""), rest: parts.at(-1) ?? "" };
}

/** Reads the lines of an answer; gives each as soon as it is whole. */
export async function readLines<T>(response: Response, onLine: (line: T) => void): Promise<void> {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  while (reader) {
    const { done, value } = await reader.read();
    if (done) break;
    const found = splitLines(rest + value);
    rest = found.rest;
    for (const line of found.lines) onLine(JSON.parse(line) as T);
  }
}
