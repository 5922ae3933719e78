/**
 * Keys by their place on the keyboard (`KeyboardEvent.code`): the Kazakh layout types letters on the
 * number row and the Russian one has no slash there, so characters would not do.
 */
export type Command =
  | "search"
  | "help"
  | "close"
  | "question"
  | "exceptions"
  | "nextException"
  | "fit"
  | "nextRow"
  | "previousRow"
  | "map"
  | "list";

export interface Press {
  readonly code: string;
  readonly shift: boolean;
  /** Ctrl, Alt or Meta: the browser's and the system's own. */
  readonly modified: boolean;
  /** The press goes into a text field. */
  readonly typing: boolean;
}

const letters: Readonly<Record<string, Command>> = {
  KeyC: "question",
  KeyA: "exceptions",
  KeyN: "nextException",
  KeyJ: "nextRow",
  KeyK: "previousRow",
};
const afterG: Readonly<Record<string, Command>> = { KeyM: "map", KeyT: "list" };

/** Gives what a press means and whether `G` now waits for its second key. */
export function commandOf(
  press: Press,
  waiting: boolean,
  lettersOn: boolean,
): { command: Command | null; waiting: boolean } {
  if (press.modified) return { command: null, waiting: false };
  if (press.code === "Escape") return { command: "close", waiting: false };
  if (press.typing) return { command: null, waiting: false };
  if (press.code === "Slash") {
    return { command: press.shift ? "help" : "search", waiting: false };
  }
  if (press.code === "Digit0" || press.code === "Numpad0")
    return { command: "fit", waiting: false };
  if (!lettersOn) return { command: null, waiting: false };
  if (waiting) return { command: afterG[press.code] ?? null, waiting: false };
  if (press.code === "KeyG") return { command: null, waiting: true };
  return { command: letters[press.code] ?? null, waiting: false };
}
