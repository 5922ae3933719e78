/** Who pays what from when, and what would another tariff change? */
import { JournalPlace } from "../../finance/journal";
import { agencyUrl } from "../../kit/api";
import { Switch } from "../../kit/fields";
import { moneyText } from "../../kit/money";
import { useResource } from "../../kit/resource";
import { Empty, Fetched } from "../../kit/states";
import { type Column, Table } from "../../kit/table";
import { may } from "../../shell/me";
import { choiceParam, textParam } from "../../shell/query";
import type { Room } from "../room";
import { Files, Findings, Upload } from "./drafting";
import { Force, fullText } from "./force";
import { t } from "./messages";
import { type PriceRow, pricesOf, tiynOf } from "./tables";
import { Trying } from "./trying";
import type { Tables, Tariffs, Version } from "./types";
import "../people/room.css";
import "../cards/room.css";
import "./room.css";

const chosen = textParam("version", "tariffs");
const tabs = ["prices", "files", "tryIt", "force"] as const;
const tab = choiceParam("tab", "tariffs", tabs);

function View() {
  const found = useResource<Tariffs>("/api/finance/tariffs.json");
  const onStored = (version_no: number): void => {
    chosen.value = String(version_no);
    found.reload();
  };
  return (
    <section class="page tariffs" aria-label={t("title")}>
      <header>
        <h2>{t("title")}</h2>
        {may("accountant", "chief_accountant") && (
          <div class="actions">
            <Upload onStored={onStored} />
          </div>
        )}
      </header>
      <Fetched of={found} rows={12}>
        {(all) => {
          const held = all.versions.find((one) => one.state === "holds") ?? all.versions[0];
          const version =
            all.versions.find((one) => String(one.version_no) === chosen.value) ?? held;
          return (
            <div class="versions-beside">
              <Table
                label={t("versions")}
                columns={columns(all)}
                rows={all.versions}
                key_of={(one) => String(one.version_no)}
                csv="tariffs"
                first={{ column: "no", down: true }}
                selected={version ? String(version.version_no) : null}
                onOpen={(one) => {
                  chosen.value = String(one.version_no);
                }}
                empty={<Empty>{t("none")}</Empty>}
              />
              {version && (
                <One of={all} version={version} onStored={onStored} onChanged={found.reload} />
              )}
            </div>
          );
        }}
      </Fetched>
      <JournalPlace />
    </section>
  );
}

function stateOf(all: Tariffs, version: Version): string {
  const open = all.proposals.some(
    (one) => one.version_no === version.version_no && one.decision === null,
  );
  const said = t(`st_${version.state}`);
  return open ? `${said}, ${t("waits")}` : said;
}

function columns(all: Tariffs): readonly Column<Version>[] {
  return [
    {
      id: "no",
      name: "№",
      width: "52px",
      number: true,
      value: (one) => one.version_no,
      down: true,
    },
    { id: "name", name: t("name"), value: (one) => one.name, head: true },
    { id: "state", name: t("state"), value: (one) => stateOf(all, one), width: "120px" },
    {
      id: "from",
      name: t("from"),
      width: "148px",
      value: (one) => one.effective_s,
      cell: (one) => (one.effective_s === null ? "–" : fullText(one.effective_s)),
      csv: (one) =>
        one.effective_s === null ? null : new Date(one.effective_s * 1000).toISOString(),
      down: true,
    },
  ];
}

function One(props: {
  of: Tariffs;
  version: Version;
  onStored: (version_no: number) => void;
  onChanged: () => void;
}) {
  const { version } = props;
  const no = String(version.version_no);
  const tables = useResource<Tables>(`/api/finance/tariffs/${no}/tables.json`);
  return (
    <section class="one-version" aria-label={`${t("version")} ${no}`}>
      <header>
        <h3>
          {no}. {version.name}
        </h3>
        <Switch
          label={t("version")}
          value={tab.value}
          choices={tabs.map((value) => ({ value, name: t(value) }))}
          onValue={(value) => {
            tab.value = value;
          }}
        />
        <a href={agencyUrl(`/api/finance/tariffs/${no}/tariff.zip`)} download>
          {t("download")}
        </a>
      </header>
      {tab.value === "tryIt" && <Trying version_no={no} now_s={props.of.time_s} />}
      {tab.value === "force" && (
        <Force of={props.of} version={version} onChanged={props.onChanged} />
      )}
      {(tab.value === "prices" || tab.value === "files") && (
        <Fetched of={tables} rows={10}>
          {(found) =>
            tab.value === "files" ? (
              <Files key={no} version_no={no} of={found} onStored={props.onStored} />
            ) : (
              <Prices of={found} />
            )
          }
        </Fetched>
      )}
    </section>
  );
}

function Prices({ of }: { of: Tables }) {
  const { categories, rows } = pricesOf(of.tables);
  const shown: readonly Column<PriceRow>[] = [
    { id: "product", name: t("product"), value: (row) => row.product, head: true },
    { id: "medium", name: t("medium"), value: (row) => row.medium || t("anyMedium") },
    ...categories.map(
      (category): Column<PriceRow> => ({
        id: `c-${category}`,
        name: category || t("everybody"),
        number: true,
        value: (row) => row.amounts[category] ?? null,
        cell: (row) => {
          const amount = row.amounts[category];
          return amount === undefined ? "–" : moneyText(tiynOf(amount));
        },
      }),
    ),
  ];
  return (
    <div class="prices">
      <Findings judged={of.judged} />
      <Table
        label={t("prices")}
        columns={shown}
        rows={rows}
        key_of={(row) => `${row.product} ${row.medium}`}
        csv="prices"
        min_px={220 + 104 * categories.length}
        empty={<Empty>{t("noPrices")}</Empty>}
      />
    </div>
  );
}

export const room: Room = {
  View,
  keys: [
    {
      code: "KeyR",
      label: "R",
      text: () => t("keyTry"),
      run: () => {
        tab.value = "tryIt";
      },
    },
    {
      code: "KeyE",
      label: "E",
      text: () => t("keyEdit"),
      run: () => {
        tab.value = "files";
      },
    },
  ],
};
