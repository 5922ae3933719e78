/**
 * Keys by their place on the keyboard (`KeyboardEvent.code`): the Kazakh layout types letters on the
 * number row and the Russian one has no slash there, so characters would not do.
 */

export interface Press {
  readonly code: string;
  readonly shift: boolean;
  readonly ctrl: boolean;
  /** Alt or Meta: the system's own. */
  readonly foreign: boolean;
  /** The press goes into a text field. */
  readonly typing: boolean;
}

export interface Binding {
  readonly code: string;
  readonly shift?: boolean;
  readonly ctrl?: boolean;
}

export type Meaning =
  | { readonly kind: "none"; readonly waiting: boolean }
  | { readonly kind: "help" | "search" | "close" | "list" }
  | { readonly kind: "room"; readonly path: string }
  | { readonly kind: "key"; readonly index: number };

const nothing: Meaning = { kind: "none", waiting: false };

/** Whether a key types a letter, so that the switch of WCAG 2.1.4 turns it off. */
function isLetter(code: string): boolean {
  return /^(Key|Bracket|Minus|Equal|Comma|Period|Semicolon|Quote)/.test(code);
}

/**
 * Gives what a press means.
 *
 * @param waiting whether the press before was G
 * @param after codes after G to rooms
 * @param own the open room's own keys
 */
export function meaningOf(
  press: Press,
  waiting: boolean,
  lettersOn: boolean,
  after: Readonly<Record<string, string>>,
  own: readonly Binding[],
): Meaning {
  if (press.foreign) return nothing;
  const index = own.findIndex(
    (one) =>
      one.code === press.code &&
      (one.shift ?? false) === press.shift &&
      (one.ctrl ?? false) === press.ctrl,
  );
  if (press.ctrl) return index >= 0 ? { kind: "key", index } : nothing;
  if (press.code === "Escape") return { kind: "close" };
  if (press.typing) return /^F\d/.test(press.code) && index >= 0 ? { kind: "key", index } : nothing;
  if (press.code === "Slash") return { kind: press.shift ? "help" : "search" };
  if (isLetter(press.code) && !lettersOn) return nothing;
  if (waiting) {
    if (press.code === "KeyT") return { kind: "list" };
    const path = after[press.code];
    return path === undefined ? nothing : { kind: "room", path };
  }
  if (press.code === "KeyG" && !press.shift) return { kind: "none", waiting: true };
  return index >= 0 ? { kind: "key", index } : nothing;
}
