import type { components } from "./api.d.ts";
import type { Transport } from "./transport.ts";

type Schemas = components["schemas"];

/** A strategy by its name. */
export type Template = Schemas["TemplateBody"];
export type Outlook = Schemas["Outlook"];
/** Out of which chain a template is built, and how far out its strikes are. */
export type TemplateInput = Schemas["TemplateInput"];
/** A template's contracts. */
export type Build = Schemas["BuildBody"];
export type BuiltLeg = Schemas["LegBody"];
/** A leg as the analysis is asked for it. */
export type LegInput = Schemas["LegInput"];
export type AnalysisInput = Schemas["AnalysisInput"];
/** What legs make and risk, and another strategy's beside them. */
export type Analysis = Schemas["AnalysisBody"];
export type Strategy = Schemas["StrategyBody"];
export type MeasuredLeg = Schemas["MeasuredLegBody"];
export type Grid = Schemas["GridBody"];

const PATH = "/api/v1/strategies";

/** Named strategies, and what legs make and risk; nothing of it is stored. Every call throws a ProblemError. */
export class BuilderClient {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  async loadTemplates(signal: AbortSignal): Promise<readonly Template[]> {
    const query = { limit: "1000" };
    const page = await this.#transport.get<Schemas["TemplatePage"]>(
      `${PATH}/templates`,
      query,
      signal,
    );
    return page.items;
  }

  build(name: string, wish: TemplateInput): Promise<Build> {
    const path = `${PATH}/templates/${encodeURIComponent(name)}`;
    return this.#transport.send<Build>("POST", path, wish);
  }

  analyse(wish: AnalysisInput): Promise<Analysis> {
    return this.#transport.send<Analysis>("POST", `${PATH}/analysis`, wish);
  }
}
