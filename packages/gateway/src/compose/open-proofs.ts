import type { Config } from '../config/index.ts'
import {
  type Authenticator,
  clientCertificates,
  DpopNonces,
  DpopVerifier,
  httpSignatures,
  MemoryReplayStore,
  senderConstraints,
  type TokenBinding,
} from '../identity/index.ts'
import type { Machine } from './machine.ts'

/** Credentials that show a key instead of a secret. */
export interface Proofs {
  /** Of tokens that are bound to a key. */
  readonly binding: TokenBinding
  readonly authenticators: readonly Authenticator[]
}

export function openProofs({ identity }: Config, { clock, random }: Machine): Proofs {
  const { dpop, certificates, signatures } = identity
  const { algorithms, windowMs, nonce, nonceMs, replaysMax } = dpop
  const nowUs = clock.nowUs()
  const verifier = new DpopVerifier({
    algorithms,
    windowMs,
    needsNonce: nonce === 'always',
    nonces: new DpopNonces({ random, periodMs: nonceMs }),
    replays: new MemoryReplayStore({ nowUs, windowMs, aheadMs: windowMs, entriesMax: replaysMax }),
  })
  return {
    binding: senderConstraints({ dpop: verifier }),
    authenticators: [
      ...signatures.map((each) => httpSignatures(each, nowUs)),
      ...certificates.map(clientCertificates),
    ],
  }
}
