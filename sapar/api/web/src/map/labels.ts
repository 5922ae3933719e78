/**
 * Which vehicles get a label: those that find room, exceptions first, and first of all those that had
 * one, so that labels stay with their buses instead of jumping from one to the next. Pure.
 */

/** From these zooms on, exceptions and all others have labels. */
export const exceptionLabelZoom = 11;
export const labelZoom = 13.2;

export interface Label {
  readonly id: string;
  readonly text: string;
  readonly exception: boolean;
  /** Where the vehicle is on the screen, CSS pixels. */
  readonly x: number;
  readonly y: number;
}

/** Sizes of the label's text and where it begins, CSS pixels; see the layer in style.ts. */
const letter_px = 7.6;
const height_px = 15;
const offset_px = 15;
const air_px = 6;
const cell_px = 64;

interface Room {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

function roomOf({ text, x, y }: Label): Room {
  const left = x + offset_px;
  const top = y - height_px / 2;
  const right = left + text.length * letter_px + air_px;
  return { left, right, top, bottom: top + height_px };
}

/** Rooms that are taken, found by the cells of a grid that they touch. */
class Taken {
  readonly #cells = new Map<number, Room[]>();

  /** Takes a room unless another one is in its way. */
  take(room: Room): boolean {
    const cells = cellsOf(room);
    const free = cells.every((cell) => !this.#cells.get(cell)?.some((one) => meets(one, room)));
    if (!free) return false;
    for (const cell of cells) {
      const known = this.#cells.get(cell);
      if (known) known.push(room);
      else this.#cells.set(cell, [room]);
    }
    return true;
  }
}

function cellsOf({ left, right, top, bottom }: Room): number[] {
  const cells: number[] = [];
  for (let row = Math.floor(top / cell_px); row <= Math.floor(bottom / cell_px); row += 1) {
    for (let at = Math.floor(left / cell_px); at <= Math.floor(right / cell_px); at += 1) {
      cells.push(row * 100_003 + at);
    }
  }
  return cells;
}

function meets(a: Room, b: Room): boolean {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}

/** The labels that find room, in the order in which they took it; `before` had one the last time. */
export function chooseLabels<L extends Label>(
  labels: readonly L[],
  before: ReadonlySet<string>,
): readonly L[] {
  const rank = ({ id, exception }: L): number => (exception ? 0 : 2) + (before.has(id) ? 0 : 1);
  const ranks: L[][] = [[], [], [], []];
  for (const label of labels) if (label.text !== "") ranks[rank(label)]?.push(label);
  const taken = new Taken();
  return ranks.flat().filter((label) => taken.take(roomOf(label)));
}
