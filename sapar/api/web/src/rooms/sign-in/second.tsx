/** One's second factor: set up, replaced for another telephone, switched off. */
import { useSignal } from "@preact/signals";
import { ApiError, send } from "../../kit/api";
import { TextField } from "../../kit/fields";
import { done, failed } from "../../kit/toast";
import { askWhoIAm } from "../../shell/me";
import * as state from "../../shell/state";
import { t } from "./messages";
import { PasswordField } from "./password";

interface Offer {
  readonly secret: string;
  readonly address: string;
  /** The address as a QR code: an image as a `data:` address. */
  readonly picture: string;
}

/** What is wrong, and therefore the field that says so. */
const told = ["wrong_password", "wrong_code", "wrong_code_now", "code_needed"] as const;
type Wrong = (typeof told)[number] | null;

const path = "/api/me/second-factor";

export function SecondFactor(props: {
  isSet: boolean;
  /** It was set or dropped: one's other sessions may have ended. */
  onChange: () => void;
}) {
  const { isSet } = props;
  const offer = useSignal<Offer | null>(null);
  const open = useSignal(false);
  const close = (): void => {
    offer.value = null;
    open.value = false;
    props.onChange();
  };
  const begin = async (sets: boolean): Promise<void> => {
    try {
      offer.value = sets ? await send<Offer>("POST", path) : null;
      open.value = true;
    } catch (cause) {
      failed(cause);
    }
  };
  if (open.value) return <Change isSet={isSet} offer={offer.value} onDone={close} />;
  return (
    <div class="second">
      <p>{t(isSet ? "secondOn" : "secondOff")}</p>
      <button type="button" onClick={() => void begin(true)}>
        {t(isSet ? "secondReplace" : "secondSet")}
      </button>
      {isSet && (
        <button type="button" onClick={() => void begin(false)}>
          {t("secondDrop")}
        </button>
      )}
    </div>
  );
}

function Change(props: {
  isSet: boolean;
  /** The secret that is set; null: the second factor is switched off. */
  offer: Offer | null;
  onDone: () => void;
}) {
  const { isSet, offer } = props;
  const password = useSignal("");
  const code = useSignal("");
  const now = useSignal("");
  const wrong = useSignal<Wrong>(null);

  const submit = async (): Promise<void> => {
    wrong.value = null;
    const proof = { password: password.value, code_now: now.value };
    try {
      if (offer) await send("PUT", path, { ...proof, secret: offer.secret, code: code.value });
      else await send("DELETE", path, proof);
      done(t(offer ? "secondDone" : "secondGone"));
      props.onDone();
      await askWhoIAm(`/${state.agencyId.peek() ?? ""}`);
    } catch (cause) {
      const said = told.find((one) => cause instanceof ApiError && cause.code === one);
      if (said === "wrong_code_now") now.value = "";
      if (said === undefined) failed(cause);
      else wrong.value = said;
      // It was set elsewhere meanwhile: the field for its code has to appear.
      if (said === "code_needed") await askWhoIAm(`/${state.agencyId.peek() ?? ""}`);
    }
  };
  const wrongNow = wrong.value === "wrong_code_now" || wrong.value === "code_needed";

  return (
    <form
      class="sign-in-form"
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      {offer && (
        <>
          <Offered offer={offer} />
          <TextField
            label={t(isSet ? "codeNew" : "code")}
            value={code.value}
            autocomplete="one-time-code"
            maxLength={7}
            required
            error={wrong.value === "wrong_code" ? t("wrong_code") : null}
            onValue={(value) => {
              code.value = value;
            }}
          />
        </>
      )}
      {isSet && (
        <TextField
          label={t("codeNow")}
          hint={t(offer ? "codeNowHint" : "codeHint")}
          value={now.value}
          autocomplete="one-time-code"
          maxLength={7}
          required
          error={wrongNow && wrong.value ? t(wrong.value) : null}
          onValue={(value) => {
            now.value = value;
          }}
        />
      )}
      <PasswordField
        label={t("oldPassword")}
        value={password.value}
        error={wrong.value === "wrong_password" ? t("wrong_password") : null}
        onValue={(value) => {
          password.value = value;
        }}
      />
      {isSet && <p class="quiet">{t("codeLost")}</p>}
      <button type="submit" class="primary">
        {t(offer ? (isSet ? "secondReplace" : "secondSet") : "secondDrop")}
      </button>
    </form>
  );
}

function Offered({ offer }: { offer: Offer }) {
  return (
    <>
      <p>{t("secondHow")}</p>
      <div class="offered">
        <img src={offer.picture} alt={t("secretPicture")} />
        <p>
          {t("secret")}
          <code class="secret">{offer.secret.match(/.{4}/g)?.join(" ")}</code>
          <a href={offer.address}>{t("openApp")}</a>
        </p>
      </div>
    </>
  );
}
