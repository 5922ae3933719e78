/** Adding a person: the first password is made by the server and told once. */
import { useSignal } from "@preact/signals";
import { t as say } from "../../i18n";
import { send } from "../../kit/api";
import { Dialog } from "../../kit/dialog";
import { TextField } from "../../kit/fields";
import { attempt } from "../../kit/toast";
import { t } from "./messages";
import { RolesField } from "./roles";
import type { Person, Told } from "./types";

export function Adding(props: {
  open: boolean;
  onClose: () => void;
  onAdded: (told: Told) => void;
}) {
  const name = useSignal("");
  const full_name = useSignal("");
  const roles = useSignal<readonly string[]>([]);

  const submit = async (): Promise<void> => {
    const body = { name: name.value, full_name: full_name.value, roles: roles.value };
    await attempt(async () => {
      const added = await send<{ person: Person; password: string }>("POST", "/api/people", body);
      name.value = "";
      full_name.value = "";
      roles.value = [];
      props.onAdded({ name: added.person.name, password: added.password });
    }, "");
  };

  return (
    <Dialog
      open={props.open}
      title={t("add")}
      onClose={props.onClose}
      actions={
        <>
          <button type="button" onClick={props.onClose}>
            {say("cancel")}
          </button>
          <button type="submit" form="adding" class="primary" disabled={name.value.trim() === ""}>
            {t("add")}
          </button>
        </>
      }
    >
      <form
        id="adding"
        class="person-form"
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <TextField
          label={t("name")}
          hint={t("nameHint")}
          value={name.value}
          maxLength={64}
          required
          onValue={(value) => {
            name.value = value;
          }}
        />
        <TextField
          label={t("fullName")}
          value={full_name.value}
          maxLength={200}
          onValue={(value) => {
            full_name.value = value;
          }}
        />
        <RolesField
          value={roles.value}
          onValue={(value) => {
            roles.value = value;
          }}
        />
      </form>
    </Dialog>
  );
}
