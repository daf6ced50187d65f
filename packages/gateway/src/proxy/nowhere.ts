import type { Inbound, Outbound, Peer } from './exchange.ts'

/** What never became a request: where it came from is all that is known of it. */
export function nothingAsked(peer: Peer, version = ''): Inbound {
  return {
    peer,
    method: '',
    target: '',
    version,
    framing: { bytes: 0 },
    fields: [],
    isWaiting: false,
    body: { next: async () => ({ done: true, value: undefined }) },
    invite: () => undefined,
    trailers: () => [],
    isComplete: () => false,
  }
}

/** Nobody is there any more to be told. */
export const NOWHERE: Outbound = {
  begin: () => undefined,
  write: async () => undefined,
  end: async () => undefined,
  destroy: () => undefined,
}
