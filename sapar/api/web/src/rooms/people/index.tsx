/** Who may do what here, and who is signed in where? */
import { useSignal } from "@preact/signals";
import { t as say } from "../../i18n";
import { CheckField, SelectField, TextField } from "../../kit/fields";
import { useResource } from "../../kit/resource";
import { Empty, Fetched } from "../../kit/states";
import { type Column, Table } from "../../kit/table";
import { momentText } from "../../kit/when";
import { roles } from "../../shell/me";
import { flagParam, textParam } from "../../shell/query";
import type { Room } from "../room";
import { Adding } from "./adding";
import { t } from "./messages";
import { PersonPane } from "./person";
import "./room.css";
import { ToldOnce } from "./told";
import type { OnePerson, People, Person, Told } from "./types";
import { grantText, stateText } from "./words";

const chosen = textParam("person", "people");
const role = textParam("role", "people");
const search = textParam("q", "people");
const ended = flagParam("ended", "people");
const limit = 1000;

function View() {
  const found = useResource<People>("/api/people", {
    query: { search: search.value, role: role.value, ended: ended.value, limit },
  });
  const one = useResource<OnePerson>(chosen.value === null ? null : `/api/people/${chosen.value}`);
  const adding = useSignal(false);
  const told = useSignal<Told | null>(null);
  const changed = (): void => {
    found.reload();
    one.reload();
  };
  return (
    <section class="page people" aria-label={t("title")}>
      <header>
        <h2>{t("title")}</h2>
        <Filters />
        <div class="actions">
          <button
            type="button"
            class="primary"
            onClick={() => {
              adding.value = true;
            }}
          >
            {t("add")}
          </button>
        </div>
      </header>
      <div class="beside">
        <Fetched of={found} rows={12}>
          {({ people }) => (
            <Table
              label={t("title")}
              columns={columns()}
              rows={people}
              key_of={(person) => String(person.user_id)}
              csv="people"
              min_px={chosen.value === null ? 720 : 420}
              first={{ column: "name", down: false }}
              selected={chosen.value}
              onOpen={(person) => {
                chosen.value = String(person.user_id);
              }}
              classOf={(person) => (person.ended_s === null ? "" : "is-ended")}
              empty={<Empty>{t("none")}</Empty>}
            />
          )}
        </Fetched>
        {chosen.value !== null && (
          <PersonPane
            of={one}
            onClose={() => {
              chosen.value = null;
            }}
            onChanged={changed}
            onTold={(next) => {
              told.value = next;
            }}
          />
        )}
      </div>
      <Adding
        open={adding.value}
        onClose={() => {
          adding.value = false;
        }}
        onAdded={(next) => {
          adding.value = false;
          told.value = next;
          changed();
        }}
      />
      <ToldOnce
        title={t("passwordTitle", { name: told.value?.name ?? "" })}
        text={t("passwordText", { name: told.value?.name ?? "" })}
        secret={told.value?.password ?? null}
        onClose={() => {
          told.value = null;
        }}
      />
    </section>
  );
}

function Filters() {
  return (
    <div class="filters">
      <TextField
        label={t("search")}
        type="search"
        value={search.value ?? ""}
        onValue={(value) => {
          search.value = value === "" ? null : value;
        }}
      />
      <SelectField
        label={t("role")}
        value={role.value ?? ""}
        none={t("allRoles")}
        choices={roles.map((value) => ({ value, name: say(`role_${value}`) }))}
        onValue={(value) => {
          role.value = value === "" ? null : value;
        }}
      />
      <CheckField
        label={t("withEnded")}
        checked={ended.value}
        onChecked={(on) => {
          ended.value = on;
        }}
      />
    </div>
  );
}

function columns(): readonly Column<Person>[] {
  const wide = chosen.value === null;
  const all: readonly (Column<Person> | false)[] = [
    { id: "name", name: t("person"), value: (one) => one.name, head: true, width: "20%" },
    { id: "full", name: t("fullName"), value: (one) => one.full_name },
    {
      id: "roles",
      name: t("roles"),
      value: (one) => one.roles.map(grantText).join("; "),
      width: "32%",
    },
    wide && { id: "state", name: t("state"), value: stateText },
    wide && {
      id: "seen",
      name: t("seen"),
      value: (one) => one.last_seen_s,
      cell: (one) => (one.last_seen_s === null ? t("never") : momentText(one.last_seen_s)),
      csv: (one) =>
        one.last_seen_s === null ? null : new Date(one.last_seen_s * 1000).toISOString(),
      width: "130px",
      down: true,
    },
  ];
  return all.filter((one) => one !== false);
}

export const room: Room = {
  View,
  close: () => {
    const was = chosen.value !== null;
    chosen.value = null;
    return was;
  },
};
