// The second tab: review of masks, categories and duplicates.

/** Fill the tab's element; called once, when the tab is first shown. Returns what empties it. */
export function mount(element) {
  element.replaceChildren();
  return () => element.replaceChildren();
}
