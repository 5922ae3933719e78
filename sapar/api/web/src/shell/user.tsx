import { t } from "../i18n";
import { Icon } from "../kit/icon";
import { entryOf } from "../rooms/registry";
import { me, signOut } from "./me";
import { RoomLink } from "./nav";
import { go } from "./query";
import { visibleEntries } from "./rooms";

/** Who is signed in, and the way out; or the way in. */
export function User() {
  const person = me.value;
  if (person === undefined) return null;
  if (person === null) {
    return entryOf("sign-in") ? (
      <button type="button" class="user" onClick={() => go({ room: "sign-in" })}>
        {t("signIn")}
      </button>
    ) : null;
  }
  return (
    <details class="user">
      <summary title={person.name}>
        <Icon name="person" />
        <span>{person.name}</span>
      </summary>
      <div>
        <p>{person.full_name || person.name}</p>
        <p class="roles">{person.roles.map((role) => t(`role_${role}`)).join(", ")}</p>
        {entryOf("sign-in") && (
          <button type="button" onClick={() => go({ room: "sign-in" })}>
            {t("account")}
          </button>
        )}
        <ul>
          {visibleEntries.value
            .filter((entry) => entry.group === "house" && !entry.unlisted)
            .map((entry) => (
              <li key={entry.path}>
                <RoomLink entry={entry} />
              </li>
            ))}
        </ul>
        <button type="button" onClick={() => void signOut()}>
          {t("signOut")}
        </button>
      </div>
    </details>
  );
}
