/** The two columns: bank lines, and what is expected. */
import type { ComponentChildren } from "preact";
import { moneyText } from "../../kit/money";
import { Empty } from "../../kit/states";
import * as desk from "./desk";
import { itemKind, ruleText, t } from "./messages";
import type { BankLine, Item } from "./types";
import { ageDays } from "./weigh";

/** "20.11" with the year only when it is another one. */
export function dayLabel(day: string, today: string): string {
  const [year, month, date] = day.split("-");
  const short = `${date}.${month}`;
  return today.startsWith(year ?? "") ? short : `${short}.${year}`;
}

function List(props: {
  of: desk.Side;
  label: string;
  find: string;
  count: number;
  empty: string;
  children: ComponentChildren;
}) {
  const { of } = props;
  const here = desk.side.value === of;
  return (
    <section class={`match-column ${here ? "is-here" : ""}`} aria-label={props.label}>
      <header>
        <h3>
          {props.label} <span class="quiet">{props.count}</span>
        </h3>
        <input
          id={`find-${of}`}
          type="search"
          aria-label={props.find}
          placeholder={props.find}
          value={desk.sought[of].value}
          onInput={(event) => {
            desk.sought[of].value = event.currentTarget.value;
            desk.at[of].value = 0;
          }}
        />
      </header>
      {props.count === 0 ? (
        <Empty>{props.empty}</Empty>
      ) : (
        <div
          class="match-rows"
          role="listbox"
          aria-multiselectable="true"
          aria-label={props.label}
          tabIndex={0}
          aria-activedescendant={desk.rowId(of, desk.at[of].value)}
          onFocus={() => {
            desk.side.value = of;
          }}
          onKeyDown={(event) => {
            const by = { ArrowDown: 1, ArrowUp: -1 }[event.code];
            if (by === undefined) return;
            event.preventDefault();
            desk.side.value = of;
            desk.step(by);
          }}
        >
          {props.children}
        </div>
      )}
    </section>
  );
}

function Row(props: {
  of: desk.Side;
  index: number;
  chosen: boolean;
  onChoose: () => void;
  children: ComponentChildren;
}) {
  const here = desk.side.value === props.of && desk.at[props.of].value === props.index;
  return (
    // the listbox around it takes the keys
    <div
      id={desk.rowId(props.of, props.index)}
      role="option"
      aria-selected={props.chosen}
      class={`match-row ${here ? "is-at" : ""}`}
      onClick={() => {
        desk.side.value = props.of;
        desk.at[props.of].value = props.index;
        props.onChoose();
      }}
      onKeyDown={() => undefined}
      tabIndex={-1}
    >
      <span class={`box ${props.chosen ? "is-on" : ""}`} aria-hidden="true" />
      {props.children}
    </div>
  );
}

function hintOf(line: BankLine): string | null {
  if (line.doubled) return t("doubled");
  if (line.hint === "ambiguous") {
    return t("h_ambiguous", { n: line.hint_count, rule: ruleText(line.hint_rule ?? "") });
  }
  return line.hint === null ? null : t(`h_${line.hint}`);
}

export function Lines({ today }: { today: string }) {
  const rows = desk.lines.value;
  return (
    <List
      of="lines"
      label={t("lines")}
      find={t("findLines")}
      count={rows.length}
      empty={t("noneFound")}
    >
      {rows.map((line, index) => {
        const hint = hintOf(line);
        const age = ageDays(line.booked_on, today);
        return (
          <Row
            key={line.line_no}
            of="lines"
            index={index}
            chosen={desk.chosenLines.value.has(line.line_no)}
            onChoose={() => desk.chooseLine(line.line_no)}
          >
            <span class="day" title={line.booked_on}>
              {dayLabel(line.booked_on, today)}
              {age > 1 && <small> {t("daysOld", { n: age })}</small>}
            </span>
            <span class="who">
              <b>{line.counterparty_name || line.counterparty_bin || "?"}</b>
              <small>
                {[line.reference, line.purpose, line.bank_account_id]
                  .filter((one) => one !== "")
                  .join(" · ")}
              </small>
              {hint !== null && <em>{hint}</em>}
            </span>
            <span class="sum">{moneyText(line.amount_tiyn)}</span>
          </Row>
        );
      })}
    </List>
  );
}

export function Items({ today }: { today: string }) {
  const rows = desk.items.value;
  return (
    <List
      of="items"
      label={t("items")}
      find={t("findItems")}
      count={rows.length}
      empty={desk.sought.items.value === "" ? t("noItems") : t("noneFound")}
    >
      {rows.map((item, index) => (
        <Row
          key={item.item_no}
          of="items"
          index={index}
          chosen={desk.chosenItems.value.has(item.item_no)}
          onChoose={() => desk.chooseItem(item.item_no)}
        >
          <span class="day" title={item.item_date}>
            {dayLabel(item.item_date, today)}
          </span>
          <ItemWho item={item} today={today} />
          <span class="sum">
            {moneyText(item.amount_tiyn)}
            {item.fee_tiyn > 0 && <small>{t("fee", { sum: moneyText(-item.fee_tiyn) })}</small>}
          </span>
        </Row>
      ))}
    </List>
  );
}

function ItemWho({ item, today }: { item: Item; today: string }) {
  const said = [itemKind(item.kind), item.reference, item.batch_ref];
  if (item.due_on !== null) said.push(t("due", { day: dayLabel(item.due_on, today) }));
  return (
    <span class="who">
      <b>{item.owner || itemKind(item.kind)}</b>
      <small>{said.filter((one) => one !== "").join(" · ")}</small>
    </span>
  );
}
