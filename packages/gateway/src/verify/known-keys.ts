import { nameOf, type TrustedKey } from './key-set.ts'
import type { SignedLog } from './log-audit.ts'
import type { Memory } from './memory.ts'
import type { Findings } from './report.ts'

const ED25519 = 1
const ML_DSA_44 = 6

/**
 * A log has one key of each kind for ever: who changes keys begins an epoch, and so another origin.
 * So another key in the same name is somebody else's log, however well it fits itself.
 */
export async function auditKnownKeys(memory: Memory, log: SignedLog, to: Findings): Promise<void> {
  const { origin } = log.checkpoint
  for (const type of [ED25519, ML_DSA_44]) {
    const known = await memory.recallKey(origin, type)
    if (known === undefined) continue
    const now = log.keys.filter((key) => isOf(key, origin, type))
    const [other] = now
    if (now.some(({ vkey }) => vkey === known)) continue
    if (other !== undefined) to.add('fork', `${nameOf(other)} is another key than last time`)
    else if (log.listed.length > 0)
      to.add('fork', `a key of ${origin} is no longer listed: ${known}`)
  }
}

export async function rememberKeys(memory: Memory, { checkpoint, keys }: SignedLog): Promise<void> {
  for (const { verifier, vkey } of keys) {
    if (verifier.name !== checkpoint.origin) continue
    await memory.rememberKey(checkpoint.origin, verifier.type, vkey)
  }
}

function isOf({ verifier }: TrustedKey, origin: string, type: number): boolean {
  return verifier.name === origin && verifier.type === type
}
