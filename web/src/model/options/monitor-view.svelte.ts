import type { Monitor } from "../../client/monitor.ts";
import { makeMonitorTopic } from "../../client/monitor-topic.ts";
import type { OptionsClient, UnderlyingWish } from "../../client/options.ts";
import type { ChartProblem, TopicSource } from "../chart.svelte.ts";
import { Watch } from "./watch.svelte.ts";

/** The monitor that is looked at: as it moves, or as it was at a recorded minute. */
export class MonitorView {
  monitor: Monitor | null = $state.raw(null);
  readonly #watch: Watch<UnderlyingWish>;

  constructor(connection: TopicSource, client: Pick<OptionsClient, "loadMonitor">) {
    this.#watch = new Watch({
      connection,
      makeTopic: ({ underlying }, onRefused) =>
        makeMonitorTopic(underlying, {
          onMonitor: (monitor) => {
            this.#replace(monitor);
          },
          onRefused,
        }),
      load: async (wish, signal) => {
        this.#replace(await client.loadMonitor(wish, signal));
      },
    });
  }

  get phase(): Watch<UnderlyingWish>["phase"] {
    return this.#watch.phase;
  }

  get problem(): ChartProblem | null {
    return this.#watch.problem;
  }

  show(wish: UnderlyingWish): void {
    this.#watch.start(wish);
  }

  close(): void {
    this.#watch.stop();
  }

  #replace(monitor: Monitor): void {
    this.monitor = monitor;
    this.#watch.markReady();
  }
}
