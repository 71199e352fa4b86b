import type { Outlook, Template, TemplateInput } from "../../client/builder.ts";

/** How a template's strikes are found. */
export interface TemplateForm {
  readonly name: string;
  readonly spacing: "distance" | "delta";
  /** Strikes from the money to the first rung. */
  readonly distance: number;
  /** Of the option at the first rung, per cent. */
  readonly deltaPct: number;
  /** Strikes from one rung to the next farther out. */
  readonly width: number;
  readonly lots: number;
}

export const FIRST_FORM: TemplateForm = {
  name: "iron-condor",
  spacing: "distance",
  distance: 2,
  deltaPct: 20,
  width: 2,
  lots: 1,
};

const OUTLOOKS: readonly (readonly [outlook: Outlook, title: string])[] = [
  ["neutral", "It stays"],
  ["volatile", "It moves, either way"],
  ["bullish", "It rises"],
  ["bearish", "It falls"],
  ["arbitrage", "Arbitrage"],
];

/** Templates by what they are for, each group by its title. */
export function groupTemplates(
  templates: readonly Template[],
): readonly { readonly title: string; readonly templates: readonly Template[] }[] {
  return OUTLOOKS.map(([outlook, title]) => ({
    title,
    templates: templates
      .filter((each) => each.outlook === outlook)
      .toSorted((one, other) => one.title.localeCompare(other.title)),
  })).filter((group) => group.templates.length > 0);
}

/** What the server builds a template out of. */
export function makeTemplateInput(
  form: TemplateForm,
  underlying: string,
  expiry: string,
): TemplateInput {
  const { lots, width } = form;
  const spacing =
    form.spacing === "delta" ? { delta: form.deltaPct / 100 } : { distance: form.distance };
  return { underlying, expiry, lots, width, ...spacing };
}
