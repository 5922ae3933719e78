/** The editor of a person's roles. */
import { useSignal } from "@preact/signals";
import { t as say } from "../../i18n";
import { SelectField } from "../../kit/fields";
import { IconButton } from "../../kit/icon";
import { roles as all, type Role } from "../../shell/me";
import * as state from "../../shell/state";
import { withGrant, writeGrant } from "./grants";
import { t } from "./messages";
import { grantText } from "./words";

export function RolesField(props: {
  value: readonly string[];
  onValue: (value: readonly string[]) => void;
  disabled?: boolean;
}) {
  const role = useSignal<Role>("dispatcher");
  const where = useSignal("");
  const cities = state.deployment.value?.agencies ?? [];
  return (
    <fieldset class="roles-field" disabled={props.disabled ?? false}>
      <legend>{t("roles")}</legend>
      <ul>
        {props.value.map((text) => (
          <li key={text}>
            {grantText(text)}
            <IconButton
              icon="close"
              bare
              title={t("dropRole", { role: grantText(text) })}
              disabled={props.disabled ?? false}
              onClick={() => props.onValue(props.value.filter((one) => one !== text))}
            />
          </li>
        ))}
      </ul>
      <div class="adding">
        <SelectField
          label={t("role")}
          value={role.value}
          choices={all.map((value) => ({ value, name: say(`role_${value}`) }))}
          onValue={(value) => {
            role.value = all.find((one) => one === value) ?? role.value;
          }}
        />
        <SelectField
          label={t("where")}
          value={where.value}
          none={t("everywhere")}
          choices={cities.map((one) => ({ value: one.agency_id, name: one.name }))}
          onValue={(value) => {
            where.value = value;
          }}
        />
        <button
          type="button"
          onClick={() => {
            const agency_id = where.value === "" ? null : where.value;
            props.onValue(withGrant(props.value, writeGrant({ role: role.value, agency_id })));
          }}
        >
          {t("addRole")}
        </button>
      </div>
    </fieldset>
  );
}
