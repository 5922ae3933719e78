/** A table that holds any number of rows: only those in sight are in the document. */
import { type Signal, useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { naturalOrder } from "../domain/order";
import { t } from "../i18n";
import { type Cell, download, toCsv } from "./csv";
import { IconButton } from "./icon";

export interface Column<R> {
  readonly id: string;
  readonly name: string;
  /** What is sorted by, filtered by and written into the CSV file. */
  value(row: R): Cell;
  /** What is shown; without it, the value. */
  cell?(row: R): ComponentChildren;
  /** What the CSV file holds where it is not `value`; null leaves the column out. */
  readonly csv?: ((row: R) => Cell) | null;
  /** Any CSS width: "104px", "20%"; without it the column takes its part of the rest. */
  readonly width?: string;
  /** Digits in columns: right-aligned. */
  readonly number?: boolean;
  /** The greatest first at the first press. */
  readonly down?: boolean;
  readonly sortable?: boolean;
  /** Names the row for screen readers. */
  readonly head?: boolean;
}

export interface Order {
  readonly column: string;
  readonly down: boolean;
}

const row_px = 32;
const spare_rows = 8;

/** Rows in an order; equal ones stay as they were, what has no value comes last. */
export function inOrder<R>(
  rows: readonly R[],
  columns: readonly Column<R>[],
  order: Order | null,
): readonly R[] {
  const column = columns.find((one) => one.id === order?.column);
  if (!column || !order) return rows;
  const sign = order.down ? -1 : 1;
  return rows
    .map((row) => ({ row, value: column.value(row) }))
    .sort((a, b) => {
      if (a.value === null || b.value === null) {
        return Number(a.value === null) - Number(b.value === null);
      }
      return typeof a.value === "number" && typeof b.value === "number"
        ? sign * (a.value - b.value)
        : sign * naturalOrder(String(a.value), String(b.value));
    })
    .map(({ row }) => row);
}

/** Rows any of whose values holds the text, whatever its case. */
export function matching<R>(
  rows: readonly R[],
  columns: readonly Column<R>[],
  text: string,
): readonly R[] {
  const wanted = text.trim().toLocaleLowerCase("kk");
  if (wanted === "") return rows;
  return rows.filter((row) =>
    columns.some((column) =>
      String(column.value(row) ?? "")
        .toLocaleLowerCase("kk")
        .includes(wanted),
    ),
  );
}

export interface TableProps<R> {
  readonly label: string;
  readonly columns: readonly Column<R>[];
  readonly rows: readonly R[];
  key_of(row: R): string;
  /** What a click or Enter on a row does. */
  readonly onOpen?: (row: R) => void;
  readonly selected?: string | null;
  /** Shown instead of rows when there are none. */
  readonly empty?: ComponentChildren;
  /** The order, when something outside of the table must know it; else the table keeps its own. */
  readonly order?: Signal<Order | null>;
  readonly first?: Order;
  /** Name of the CSV file without its ending; no button without it. */
  readonly csv?: string;
  /** A field that filters the rows. */
  readonly filter?: boolean;
  /** Beside the count at the foot. */
  readonly foot?: ComponentChildren;
  /** The narrowest width before it scrolls sideways. */
  readonly min_px?: number;
  classOf?(row: R): string;
}

export function Table<R>(props: TableProps<R>) {
  const own = useSignal<Order | null>(props.first ?? null);
  const order = props.order ?? own;
  const wanted = useSignal("");
  const scrolled = useSignal({ top_px: 0, height_px: 800 });
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = place.current;
    if (!element) return;
    const measure = (): void => {
      scrolled.value = { top_px: element.scrollTop, height_px: element.clientHeight };
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    element.addEventListener("scroll", measure, { passive: true });
    return () => {
      observer.disconnect();
      element.removeEventListener("scroll", measure);
    };
  }, []);
  const rows = inOrder(
    matching(props.rows, props.columns, wanted.value),
    props.columns,
    order.value,
  );
  const first = Math.max(0, Math.floor(scrolled.value.top_px / row_px) - spare_rows);
  const count = Math.ceil(scrolled.value.height_px / row_px) + 2 * spare_rows;
  const visible = rows.slice(first, first + count);
  const below = Math.max(0, rows.length - first - visible.length);
  return (
    <section class="table" aria-label={props.label}>
      <div class="scroll" ref={place} tabIndex={props.onOpen ? -1 : 0}>
        <table
          aria-rowcount={rows.length + 1}
          {...(props.min_px ? { style: { minWidth: `${props.min_px}px` } } : {})}
        >
          <thead>
            <tr>
              {props.columns.map((column) => (
                <Heading key={column.id} column={column} order={order} />
              ))}
            </tr>
          </thead>
          <tbody>
            {first > 0 && <Space px={first * row_px} />}
            {visible.map((row, index) => (
              <Line key={props.key_of(row)} row={row} index={first + index + 2} {...props} />
            ))}
            {below > 0 && <Space px={below * row_px} />}
          </tbody>
        </table>
        {rows.length === 0 && props.empty}
      </div>
      <footer>
        <span class="rows">{t("tableRows", { n: rows.length })}</span>
        {props.foot}
        {props.filter && (
          <input
            type="search"
            aria-label={t("filterRows")}
            placeholder={t("filterRows")}
            value={wanted.value}
            onInput={(event) => {
              wanted.value = event.currentTarget.value;
            }}
          />
        )}
        {props.csv && (
          <IconButton
            icon="download"
            title={t("exportCsv")}
            class="csv"
            onClick={() => exportRows(props.csv ?? "", props.columns, rows)}
          />
        )}
      </footer>
    </section>
  );
}

/** Writes rows as the table has them into a CSV file. */
export function exportRows<R>(
  name: string,
  columns: readonly Column<R>[],
  rows: readonly R[],
): void {
  const kept = columns.filter((column) => column.csv !== null);
  const cells = rows.map((row) => kept.map((column) => (column.csv ?? column.value)(row)));
  download(
    `${name}.csv`,
    toCsv(
      kept.map((column) => column.name),
      cells,
    ),
  );
}

function Space({ px }: { px: number }) {
  return <tr class="space" style={{ height: `${px}px` }} />;
}

function Heading<R>({ column, order }: { column: Column<R>; order: Signal<Order | null> }) {
  const now = order.value;
  const current = now?.column === column.id;
  const direction = current ? (now.down ? "descending" : "ascending") : "none";
  const style = column.width ? { width: column.width } : {};
  if (column.sortable === false) {
    return (
      <th scope="col" style={style} class={`plain ${column.number ? "number" : ""}`}>
        {column.name}
      </th>
    );
  }
  return (
    <th scope="col" aria-sort={direction} style={style}>
      <button
        type="button"
        class={`bare ${column.number ? "number" : ""}`}
        title={t("sortBy", { column: column.name })}
        onClick={() => {
          const down = current ? !now.down : (column.down ?? false);
          order.value = { column: column.id, down };
        }}
      >
        {column.name}
        {current && (
          <svg class="sort" viewBox="0 0 8 8" aria-hidden="true">
            <path d={now.down ? "M1 2h6L4 7Z" : "M1 6h6L4 1Z"} />
          </svg>
        )}
      </button>
    </th>
  );
}

function Line<R>(props: TableProps<R> & { row: R; index: number }) {
  const { row, onOpen } = props;
  const key = props.key_of(row);
  return (
    <tr
      aria-rowindex={props.index}
      class={props.classOf?.(row) ?? ""}
      data-key={key}
      {...(props.selected === undefined ? {} : { "aria-selected": key === props.selected })}
      {...(onOpen
        ? {
            tabIndex: 0,
            onClick: () => onOpen(row),
            onKeyDown: (event: KeyboardEvent) => {
              if (event.target !== event.currentTarget) return;
              if (event.code !== "Enter" && event.code !== "Space") return;
              event.preventDefault();
              onOpen(row);
            },
          }
        : {})}
    >
      {props.columns.map((column) => {
        const content = column.cell ? column.cell(row) : shown(column.value(row));
        const style = column.number ? "number" : "";
        return column.head ? (
          <th key={column.id} scope="row" class={style}>
            {content}
          </th>
        ) : (
          <td key={column.id} class={style}>
            {content}
          </td>
        );
      })}
    </tr>
  );
}

function shown(value: Cell): string | number {
  return value ?? "–";
}
