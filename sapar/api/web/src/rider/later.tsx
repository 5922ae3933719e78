/** Views that are fetched when they are first opened, and once the page has nothing else to do. */
import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Loading, Notice } from "./parts";
import { t } from "./words";

/** Makes a component of one that is fetched. */
export function later<P extends object>(load: () => Promise<ComponentType<P>>): ComponentType<P> {
  let found: ComponentType<P> | null = null;
  return function Later(props: P) {
    const [View, setView] = useState<ComponentType<P> | null>(() => found);
    const [failed, setFailed] = useState(false);
    useEffect(() => {
      if (View) return;
      load().then(
        (component) => {
          found = component;
          setView(() => component);
        },
        () => setFailed(true),
      );
    }, [View]);
    if (failed) return <Notice urgent>{t("failed", { why: t("wrong_no_network") })}</Notice>;
    return View ? <View {...props} /> : <Loading rows={4} />;
  };
}
