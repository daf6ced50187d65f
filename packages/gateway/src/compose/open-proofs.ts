import { join } from 'node:path'
import type { Config } from '../config/index.ts'
import {
  type Authenticator,
  clientCertificates,
  DpopVerifier,
  httpSignatures,
  senderConstraints,
  type TokenBinding,
} from '../identity/index.ts'
import type { ProofMemory } from './proof-memory.ts'

/** Credentials that show a key instead of a secret. */
export interface Proofs {
  /** Of tokens that are bound to a key. */
  readonly binding: TokenBinding
  readonly authenticators: readonly Authenticator[]
}

export function openProofs(config: Config, memory: ProofMemory): Proofs {
  const { dpop, certificates, signatures } = config.identity
  const { algorithms, windowMs, nonce, nonceMs, replaysMax: entriesMax } = dpop
  const file = dpop.replaysFile ?? sharedFile(config, 'dpop')
  const replays = memory.replays('dpop', { file, windowMs, aheadMs: windowMs, entriesMax })
  const verifier = new DpopVerifier({
    algorithms,
    windowMs,
    needsNonce: nonce === 'always',
    nonces: memory.nonces(nonceMs, replays),
    replays,
  })
  return {
    binding: senderConstraints({ dpop: verifier }),
    authenticators: [
      ...signatures.map((each) => httpSignatures(each, noncesOf(each, config, memory))),
      ...certificates.map(clientCertificates),
    ],
  }
}

function noncesOf(
  { name, noncesFile, windowMs, aheadMs, noncesMax }: Config['identity']['signatures'][number],
  config: Config,
  memory: ProofMemory,
): ReturnType<ProofMemory['replays']> {
  const file = noncesFile ?? sharedFile(config, `signatures-${name}`)
  const needs = { file, windowMs, aheadMs, entriesMax: noncesMax }
  return memory.replays(`signatures ${name}`, needs)
}

/** What one process remembers in memory several have to remember together. */
function sharedFile({ workers, data }: Config, name: string): string | undefined {
  return workers === 1 ? undefined : join(data, 'state', `used-${name}.db`)
}
