/** One's second factor: set up, replaced for another telephone, switched off. */
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { t as say } from "../../i18n";
import { ApiError, send } from "../../kit/api";
import { CodeField } from "../../kit/fields";
import { done, failed } from "../../kit/toast";
import { t } from "./messages";
import { PasswordField } from "./password";
import { learn } from "./session";

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
  const busy = useSignal(false);
  const setButton = useRef<HTMLButtonElement>(null);
  const dropButton = useRef<HTMLButtonElement>(null);
  /** The button that the focus goes back to. */
  const last = useRef<typeof setButton | null>(null);
  useEffect(() => {
    if (!open.value) last.current?.current?.focus();
  }, [open.value]);
  const close = (): void => {
    offer.value = null;
    open.value = false;
  };
  const begin = async (sets: boolean): Promise<void> => {
    if (busy.value) return;
    busy.value = true;
    try {
      offer.value = sets ? await send<Offer>("POST", path) : null;
      last.current = sets ? setButton : dropButton;
      open.value = true;
    } catch (cause) {
      failed(cause);
    } finally {
      busy.value = false;
    }
  };
  const finish = (): void => {
    // The other one is gone where nothing is set any more.
    last.current = setButton;
    close();
    props.onChange();
  };
  if (open.value) {
    return <Change isSet={isSet} offer={offer.value} onDone={finish} onCancel={close} />;
  }
  return (
    <div class="second">
      <p>{t(isSet ? "secondOn" : "secondOff")}</p>
      <button ref={setButton} type="button" onClick={() => void begin(true)}>
        {t(isSet ? "secondReplace" : "secondSet")}
      </button>
      {isSet && (
        <button ref={dropButton} type="button" onClick={() => void begin(false)}>
          {t("secondDrop")}
        </button>
      )}
    </div>
  );
}

interface ChangeProps {
  readonly isSet: boolean;
  /** The secret that is set; null: the second factor is switched off. */
  readonly offer: Offer | null;
  readonly onDone: () => void;
  readonly onCancel: () => void;
}

/** What is typed, what of it is wrong, and sending it. */
function useChange({ isSet, offer, onDone }: ChangeProps) {
  const password = useSignal("");
  const code = useSignal("");
  const now = useSignal("");
  const wrong = useSignal<Wrong>(null);
  const busy = useSignal(false);

  const refused = async (cause: unknown): Promise<void> => {
    const said = told.find((one) => cause instanceof ApiError && cause.code === one);
    if (said === undefined) failed(cause);
    else if (said === "code_needed" || (said === "wrong_code_now" && !isSet)) {
      // It was set elsewhere meanwhile: the field for its code has to appear.
      wrong.value = "code_needed";
      await learn({ second_factor: true });
    } else {
      if (said === "wrong_code_now") now.value = "";
      wrong.value = said;
    }
  };
  const submit = async (): Promise<void> => {
    if (busy.value) return;
    busy.value = true;
    wrong.value = null;
    const proof = { password: password.value, code_now: now.value };
    try {
      if (offer) await send("PUT", path, { ...proof, secret: offer.secret, code: code.value });
      else await send("DELETE", path, proof);
      done(t(offer ? "secondDone" : "secondGone"));
      onDone();
      await learn({ second_factor: offer !== null });
    } catch (cause) {
      await refused(cause);
    } finally {
      busy.value = false;
    }
  };
  return { password, code, now, wrong, busy, submit };
}

function Change(props: ChangeProps) {
  const { isSet, offer, onCancel } = props;
  const { password, code, now, wrong, busy, submit } = useChange(props);
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => form.current?.querySelector("input")?.focus(), []);
  const wrongNow = wrong.value === "wrong_code_now" || wrong.value === "code_needed";
  return (
    <form
      ref={form}
      class="sign-in-form"
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
      onKeyDown={(event) => {
        if (event.key !== "Escape" || event.isComposing || busy.value) return;
        event.stopPropagation();
        onCancel();
      }}
    >
      {offer && (
        <>
          <Offered offer={offer} />
          <CodeField
            label={t(isSet ? "codeNew" : "code")}
            value={code.value}
            offered={!isSet}
            required
            error={wrong.value === "wrong_code" ? t("wrong_code") : null}
            onValue={(value) => {
              code.value = value;
            }}
          />
        </>
      )}
      {isSet && (
        <CodeField
          label={t("codeNow")}
          hint={t(offer ? "codeNowHint" : "codeHint")}
          value={now.value}
          offered
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
      <footer>
        <button type="submit" class="primary" aria-disabled={busy.value}>
          {t(offer ? (isSet ? "secondReplace" : "secondSet") : "secondDrop")}
        </button>
        <button type="button" onClick={() => busy.value || onCancel()}>
          {say("cancel")}
        </button>
      </footer>
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
