import type { Config } from '../config/index.ts'
import {
  type Authenticator,
  clientCertificates,
  DpopNonces,
  DpopVerifier,
  FileReplayStore,
  httpSignatures,
  MemoryReplayStore,
  type ReplayStore,
  senderConstraints,
  type TokenBinding,
} from '../identity/index.ts'
import { openSeenFile } from '../platform/index.ts'
import type { Machine } from './machine.ts'

/** Credentials that show a key instead of a secret. */
export interface Proofs {
  /** Of tokens that are bound to a key. */
  readonly binding: TokenBinding
  readonly authenticators: readonly Authenticator[]
  close(): void
}

export function openProofs({ identity }: Config, { clock, random }: Machine): Proofs {
  const { dpop, certificates, signatures } = identity
  const { algorithms, windowMs, nonce, nonceMs } = dpop
  const nowUs = clock.nowUs()
  const replays = openReplays(dpop, nowUs)
  const verifier = new DpopVerifier({
    algorithms,
    windowMs,
    needsNonce: nonce === 'always',
    nonces: new DpopNonces({ random, periodMs: nonceMs }),
    replays,
  })
  return {
    binding: senderConstraints({ dpop: verifier }),
    authenticators: [
      ...signatures.map((each) => httpSignatures(each, nowUs)),
      ...certificates.map(clientCertificates),
    ],
    close: () => replays.close(),
  }
}

function openReplays(
  { replaysFile, replaysMax: entriesMax, windowMs }: Config['identity']['dpop'],
  nowUs: number,
): ReplayStore {
  const options = { nowUs, windowMs, aheadMs: windowMs, entriesMax }
  if (replaysFile === undefined) return new MemoryReplayStore(options)
  return new FileReplayStore(openSeenFile(replaysFile, options), options)
}
