import { OptionsClient } from "../../client/options.ts";
import { ChainView } from "../../model/options/chain-view.svelte.ts";
import { OptionDesk } from "../../model/options/option-desk.svelte.ts";
import type { Workstation } from "../../model/workstation.svelte.ts";

export interface OptionModels {
  /** Which chain is looked at. */
  readonly desk: OptionDesk;
  /** That chain, drawn once a frame. */
  readonly view: ChainView;
}

/** Make what a page of options looks at; the page closes both. */
export function makeOptionModels(station: Workstation): OptionModels {
  const client = new OptionsClient(station.transport);
  const desk = new OptionDesk({
    client,
    rest: station.rest,
    preferences: station.preferences,
    marketNow: () => station.marketNow,
  });
  const view = new ChainView({
    connection: station.connection,
    client,
    schedule: (draw) => {
      requestAnimationFrame(draw);
    },
    onMinute: (ts) => {
      desk.addMinute(ts);
    },
  });
  return { desk, view };
}
