import type { FocusKind } from "../model/shortcuts.ts";

const TEXT_TYPES = ["text", "search", "datetime-local", "number", "password", "email"];

/** What has the focus, as far as keys are concerned. */
export function findFocusKind(target: EventTarget | null): FocusKind {
  if (!(target instanceof HTMLElement)) {
    return "none";
  }
  if (target instanceof HTMLInputElement) {
    return TEXT_TYPES.includes(target.type) ? "text" : "control";
  }
  if (target instanceof HTMLTextAreaElement || target.isContentEditable) {
    return "text";
  }
  return target.closest("button, a, select, summary") === null ? "none" : "control";
}

/** The address of a link of ours that was clicked; null for a click that is the browser's business. */
export function findInnerLink(event: MouseEvent): URL | null {
  const isPlain =
    event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
  const link = event.target instanceof Element ? event.target.closest("a") : null;
  if (!isPlain || link === null || event.defaultPrevented || link.target !== "") {
    return null;
  }
  const url = new URL(link.href);
  return url.origin === window.location.origin ? url : null;
}

/** Have the browser keep a text as a file. */
export function saveFile(name: string, text: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}
