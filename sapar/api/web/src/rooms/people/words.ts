/** Roles as people read them. */
import { t as say } from "../../i18n";
import * as state from "../../shell/state";
import { readGrant } from "./grants";
import { t } from "./messages";

/** "dispatcher" or "dispatcher, Aktobe". */
export function grantText(text: string): string {
  const { role, agency_id } = readGrant(text);
  const name = say(`role_${role}`);
  return agency_id === null ? name : `${name}, ${cityName(agency_id)}`;
}

export function cityName(agency_id: string): string {
  const cities = state.deployment.value?.agencies ?? [];
  return cities.find((one) => one.agency_id === agency_id)?.name ?? agency_id;
}

/** What is special about a person, in words. */
export function stateText(person: {
  ended_s: number | null;
  password_temporary: boolean;
  has_password: boolean;
  second_factor: boolean;
}): string {
  if (person.ended_s !== null) return t("ended");
  const said = [
    person.password_temporary ? t("mustChange") : null,
    person.has_password ? null : t("provider"),
    person.second_factor ? t("secondFactor") : null,
  ];
  return said.filter((one) => one !== null).join(", ");
}
