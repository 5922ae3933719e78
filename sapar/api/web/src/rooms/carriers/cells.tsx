/** Columns that the room's tables share. */
import { language } from "../../i18n";
import { agencyUrl } from "../../kit/api";
import { moneyCell, moneyText } from "../../kit/money";
import type { Column } from "../../kit/table";

export function money<R>(
  id: string,
  name: string,
  value: (row: R) => number | null,
  width = "132px",
): Column<R> {
  return {
    id,
    name,
    width,
    number: true,
    value,
    cell: (row) => (value(row) === 0 ? "–" : moneyText(value(row))),
    csv: (row) => moneyCell(value(row)),
    down: true,
  };
}

export function text<R>(
  id: string,
  name: string,
  value: (row: R) => string,
  more: Partial<Column<R>> = {},
): Column<R> {
  return { id, name, value, ...more };
}

/** Downloads of a document in the page's language. */
export function Files({ path }: { path: string }) {
  return (
    <span class="files">
      {(["pdf", "xlsx", "csv"] as const).map((form) => (
        <a key={form} href={agencyUrl(`${path}/file`, { form, language: language.value })} download>
          {form.toUpperCase()}
        </a>
      ))}
    </span>
  );
}
