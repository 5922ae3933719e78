/** One person: name, roles, sessions, and the way out. */
import { useSignal } from "@preact/signals";
import { t as say } from "../../i18n";
import { send } from "../../kit/api";
import { ask } from "../../kit/dialog";
import { TextField } from "../../kit/fields";
import { IconButton } from "../../kit/icon";
import type { Resource } from "../../kit/resource";
import { Fetched } from "../../kit/states";
import { attempt } from "../../kit/toast";
import { Moment, momentText } from "../../kit/when";
import { me } from "../../shell/me";
import { go } from "../../shell/query";
import { t } from "./messages";
import { RolesField } from "./roles";
import type { OnePerson, Person, Told } from "./types";
import { stateText } from "./words";

export function PersonPane(props: {
  of: Resource<OnePerson>;
  onClose: () => void;
  onChanged: () => void;
  onTold: (told: Told) => void;
}) {
  return (
    <aside class="person-pane" aria-label={t("person")}>
      <IconButton icon="close" bare class="close" title={say("close")} onClick={props.onClose} />
      <Fetched of={props.of} rows={10}>
        {(found) => (
          <>
            <h3>{found.person.name}</h3>
            <p class="quiet">
              {t("created", { time: momentText(found.person.created_s) })}
              {stateText(found.person) && ` · ${stateText(found.person)}`}
            </p>
            <Form key={found.person.user_id} {...props} person={found.person} />
            <Sessions {...props} found={found} />
            <Ways {...props} person={found.person} />
          </>
        )}
      </Fetched>
    </aside>
  );
}

interface Parts {
  readonly onChanged: () => void;
  readonly onTold: (told: Told) => void;
}

function Form({ person, onChanged }: Parts & { person: Person }) {
  const full_name = useSignal(person.full_name);
  const roles = useSignal(person.roles);
  const reason = useSignal("");
  const own = me.value?.user_id === person.user_id;
  const gives = roles.value.join() !== person.roles.join();
  const changed = gives || full_name.value !== person.full_name;

  const submit = async (): Promise<void> => {
    const body = {
      full_name: full_name.value,
      reason: reason.value,
      ...(gives ? { roles: roles.value } : {}),
    };
    const path = `/api/people/${person.user_id}`;
    const text = gives ? t("savedRoles", { name: person.name }) : t("saved");
    if (await attempt(() => send("PATCH", path, body), text)) {
      reason.value = "";
      onChanged();
    }
  };

  return (
    <form
      class="person-form"
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
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
        disabled={own}
        onValue={(value) => {
          roles.value = value;
        }}
      />
      <p class="quiet">{t(own ? "own" : "prepares")}</p>
      {gives && (
        <TextField
          label={t("reason")}
          value={reason.value}
          maxLength={500}
          onValue={(value) => {
            reason.value = value;
          }}
        />
      )}
      <button type="submit" class="primary" disabled={!changed}>
        {t("save")}
      </button>
    </form>
  );
}

function Sessions({ found, onChanged }: Parts & { found: OnePerson }) {
  const path = `/api/people/${found.person.user_id}/sessions`;
  const end = (place: string): void => {
    void attempt(() => send("DELETE", place), t("sessionsEnded")).then(onChanged);
  };
  return (
    <section>
      <h4>{t("sessions")}</h4>
      {found.sessions.length === 0 && <p class="quiet">{t("noSessions")}</p>}
      <ul class="sessions">
        {found.sessions.map((one) => (
          <li key={one.session_no}>
            <p>
              {one.address} · <Moment at_s={one.last_seen_s} />
              <br />
              <small>{one.agent}</small>
            </p>
            <button type="button" onClick={() => end(`${path}/${one.session_no}`)}>
              {t("endSession")}
            </button>
          </li>
        ))}
      </ul>
      {found.sessions.length > 1 && (
        <button type="button" onClick={() => end(path)}>
          {t("endSessions")}
        </button>
      )}
    </section>
  );
}

function Ways({ person, onChanged, onTold }: Parts & { person: Person }) {
  const path = `/api/people/${person.user_id}`;
  const { name } = person;
  const own = me.value?.user_id === person.user_id;

  const newPassword = async (): Promise<void> => {
    const answer = await ask({
      title: t("newPasswordTitle", { name }),
      text: t("newPasswordText"),
      confirm: t("newPassword").replace("…", ""),
    });
    if (answer === null) return;
    await attempt(async () => {
      const { password } = await send<{ password: string }>("POST", `${path}/password`);
      onTold({ name, password });
    }, "");
    onChanged();
  };
  const end = async (): Promise<void> => {
    const reason = await ask({
      title: t("endTitle", { name }),
      text: t("endText"),
      confirm: t("end").replace("…", ""),
      reason: t("endReason"),
    });
    if (reason === null) return;
    const body = { ended: true, reason };
    const undo = () => send("PATCH", path, { ended: false }).then(onChanged);
    if (await attempt(() => send("PATCH", path, body), t("endedNow", { name }), undo)) onChanged();
  };
  const change = (act: () => Promise<unknown>, text: string): void => {
    void attempt(act, text).then(onChanged);
  };

  return (
    <div class="ways">
      {!own && person.ended_s === null && (
        <>
          <button type="button" onClick={() => void newPassword()}>
            {t("newPassword")}
          </button>
          {person.second_factor && (
            <button
              type="button"
              onClick={() =>
                change(() => send("DELETE", `${path}/second-factor`), t("droppedSecond"))
              }
            >
              {t("dropSecond")}
            </button>
          )}
          <button type="button" onClick={() => void end()}>
            {t("end")}
          </button>
        </>
      )}
      {person.ended_s !== null && (
        <button
          type="button"
          onClick={() =>
            change(() => send("PATCH", path, { ended: false }), t("restored", { name }))
          }
        >
          {t("restore")}
        </button>
      )}
      <button type="button" onClick={() => go({ room: "audit" }, { target: `user ${name}` })}>
        {t("audit", { name })}
      </button>
    </div>
  );
}
