/**
 * An act that moves money, once: its key is made before the first try and stays the same until the
 * server has answered. While nobody knows whether it was done, the content stays as it is too.
 */
import { useSignal } from "@preact/signals";
import { ApiError } from "../kit/api";
import { failed } from "../kit/toast";

export interface Once {
  /** A try was not answered: the same is asked again, nothing else. */
  readonly unanswered: boolean;
  readonly busy: boolean;
  /** Performs the act with its key; gives the answer, null when it failed or was not answered. */
  run<T>(act: (key: string) => Promise<T>): Promise<T | null>;
}

export function newKey(): string {
  return crypto.randomUUID();
}

export function useOnce(): Once {
  const key = useSignal(newKey());
  const unanswered = useSignal(false);
  const busy = useSignal(false);
  return {
    unanswered: unanswered.value,
    busy: busy.value,
    run: async (act) => {
      if (busy.peek()) return null;
      busy.value = true;
      try {
        const answer = await act(key.peek());
        key.value = newKey();
        unanswered.value = false;
        return answer;
      } catch (error) {
        unanswered.value = !wasAnswered(error);
        // A refusal is kept under its key, which never works again.
        if (!unanswered.peek()) key.value = newKey();
        if (!unanswered.peek()) failed(error);
        return null;
      } finally {
        busy.value = false;
      }
    },
  };
}

/** Whether the server said for certain that nothing was done. */
export function wasAnswered(error: unknown): boolean {
  return error instanceof ApiError && error.status >= 400 && error.status < 500;
}
