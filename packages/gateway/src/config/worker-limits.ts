import type { z } from 'zod'
import type { Config } from './schema.ts'

/** What several workers cannot share yet: its place, and what to do instead. */
type Refusal = readonly [path: readonly (string | number)[], instead: string]

/**
 * With more than one worker, what they cannot share is refused, each with its key: nothing is
 * counted, remembered or kept by each worker for itself that was to be kept for all.
 */
export function refuseUnshared(config: Config, context: z.RefinementCtx): void {
  if (config.workers === 1) return
  for (const [path, instead] of refusalsOf(config)) {
    const message = `several workers cannot share it yet: ${instead}, or workers: 1`
    context.addIssue({ code: 'custom', path: [...path], message })
  }
}

/** What is remembered so that it is used once has to be remembered by all. */
function refusalsOf({ identity }: Config): readonly Refusal[] {
  const { dpop, issuers, introspection, spiffe, signatures } = identity
  const refusals: Refusal[] = []
  const takesTokens = issuers.length + introspection.length + spiffe.length > 0
  if (takesTokens && dpop.replaysFile === undefined) {
    refusals.push([['identity', 'dpop', 'replaysFile'], 'name a file, which all of them share'])
  }
  if (takesTokens && dpop.nonce === 'always') {
    refusals.push([['identity', 'dpop', 'nonce'], 'nonce: after-start'])
  }
  for (const [index, { noncesFile }] of signatures.entries()) {
    if (noncesFile !== undefined) continue
    const path = ['identity', 'signatures', index, 'noncesFile']
    refusals.push([path, 'name a file, which all of them share'])
  }
  return refusals
}
