/** Something that this compiler leaves to the engine, which then decides the whole policy. */
export class UncoveredError extends Error {
  override readonly name = 'UncoveredError'
}

export function uncovered(what: string): never {
  throw new UncoveredError(what)
}
