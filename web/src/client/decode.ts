/** What came from outside is unknown until it was looked at. */
export type Fields = Readonly<Record<string, unknown>>;

/** Something was not what the protocol says. */
export class DecodeError extends Error {
  override readonly name = "DecodeError";
}

function fail(wanted: string, found: unknown): never {
  // The types do not say it: of undefined no JSON can be made.
  const text = (JSON.stringify(found) as string | undefined) ?? "nothing";
  throw new DecodeError(`${wanted} was wanted, found ${text.slice(0, 80)}`);
}

export function readFields(value: unknown): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    fail("an object", value);
  }
  return value as Fields;
}

export function readList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : fail("a list", value);
}

export function readText(fields: Fields, name: string): string {
  const value = fields[name];
  return typeof value === "string" ? value : fail(`a text in ${name}`, value);
}

export function readNumber(fields: Fields, name: string): number {
  const value = fields[name];
  return typeof value === "number" ? value : fail(`a number in ${name}`, value);
}

export function findNumber(fields: Fields, name: string): number | null {
  return fields[name] === null || fields[name] === undefined ? null : readNumber(fields, name);
}

export function findText(fields: Fields, name: string): string | null {
  return fields[name] === null || fields[name] === undefined ? null : readText(fields, name);
}

export function readOneOf<const T extends string>(
  fields: Fields,
  name: string,
  known: readonly T[],
): T {
  const value = readText(fields, name);
  return (
    known.find((each) => each === value) ?? fail(`one of ${known.join(", ")} in ${name}`, value)
  );
}
