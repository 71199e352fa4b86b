import { readText } from "./decode.ts";
import { DocumentReader } from "./document.ts";
import type { Monitor } from "./monitor.ts";
import { decodeMonitor } from "./monitor-decoder.ts";
import type { Topic, TopicName } from "./topic.ts";

/** Who is told of an underlying's monitor. */
export interface MonitorListener {
  onMonitor(monitor: Monitor): void;
  onRefused(code: string, message: string): void;
}

/** An underlying at a glance: a state, told as a whole and then by what changes. */
export function makeMonitorTopic(underlying: string, listener: MonitorListener): Topic {
  const document = new DocumentReader();
  return {
    name: `monitor:${underlying}` as TopicName,
    isEvent() {
      return false;
    },
    onSnapshot(fields) {
      listener.onMonitor(decodeMonitor(document.takeWhole(fields)));
    },
    onNews(fields) {
      const isWhole = readText(fields, "type") === "state";
      const state = isWhole ? document.takeWhole(fields) : document.takeChanges(fields);
      listener.onMonitor(decodeMonitor(state));
    },
    onRefused(code, message) {
      listener.onRefused(code, message);
    },
  };
}
