// What a bench is asked for: refused before anything is measured, let alone written.

/** A bench cannot be run as it was asked for; the message is for whoever asked. */
export class BenchUsageError extends Error {
  override readonly name = 'BenchUsageError'
}

/** A whole number, of at least `least`. */
export function numberOf(text: string, option: string, least = 1): number {
  if (/^\d{1,15}$/.test(text) && Number(text) >= least) return Number(text)
  throw new BenchUsageError(`--${option} takes whole numbers from ${least} on, not "${text}"`)
}

/** Names out of a closed list, in its order: `--modes a,b` is the same as `--modes a --modes b`. */
export function namesOf<Name extends string>(
  texts: readonly string[],
  option: string,
  known: readonly Name[],
): readonly Name[] {
  const wanted = new Set<string>(texts.flatMap((text) => text.split(',')))
  const chosen = known.filter((name) => wanted.delete(name))
  if (wanted.size === 0) return chosen
  const unknown = [...wanted].map((name) => `"${name}"`).join(', ')
  throw new BenchUsageError(`--${option} takes ${known.join(', ')}, not ${unknown}`)
}
