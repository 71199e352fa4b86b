import type { Preferences } from "./preferences.ts";

const CHOICES = ["system", "light", "dark"] as const;
export type ThemeChoice = (typeof CHOICES)[number];

/** Dark or light: as the system has it, or as was chosen here. */
export class Theme {
  choice: ThemeChoice = $state.raw("system");
  #isSystemDark = $state.raw(false);
  readonly #preferences: Preferences;

  constructor(preferences: Preferences, system: MediaQueryList) {
    this.#preferences = preferences;
    this.#isSystemDark = system.matches;
    system.addEventListener("change", () => {
      this.#isSystemDark = system.matches;
    });
    const stored = preferences.find("theme");
    this.choice = CHOICES.find((each) => each === stored) ?? "system";
  }

  get isDark(): boolean {
    return this.choice === "system" ? this.#isSystemDark : this.choice === "dark";
  }

  /** As the system has it, then light, then dark, and round again. */
  cycle(): void {
    this.choice = CHOICES[(CHOICES.indexOf(this.choice) + 1) % CHOICES.length] ?? "system";
    this.#preferences.set("theme", this.choice);
  }
}
