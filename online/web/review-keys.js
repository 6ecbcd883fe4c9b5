// Keys of the review: of the window, while the tab is shown and no field is typed into.

import { useEffect } from "./vendor/htm-preact-standalone-3.1.1.module.js";

/** Whether a key was meant for a control and not for the review. */
export const isTyped = ({ target }) =>
  Boolean(target.closest?.("input:not([type=range]):not([type=file]), select, textarea, dialog"));

/** ``work.current`` gives what a key does, if anything. For a part that stays while its items change:
 * a part that is drawn anew hears nothing until its effects have run, and fast keys would be lost. */
export function useKeys(work) {
  useEffect(() => {
    const keyed = (event) => {
      if (event.defaultPrevented || document.getElementById("review-tab").hidden) return;
      const does = work.current?.(event);
      if (!does) return;
      event.preventDefault();
      does();
    };
    addEventListener("keydown", keyed);
    return () => removeEventListener("keydown", keyed);
  }, []);
}
