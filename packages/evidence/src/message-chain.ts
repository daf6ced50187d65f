import type { Sha256 } from '@countersign/tlog'

/** As many digests one record lists of each direction: so its section stays within its limit. */
export const MESSAGES_LISTED_MAX = 256

/** What the first message of a direction is chained to. */
export const MESSAGE_CHAIN_START: string = '0'.repeat(64)

const LABEL = 'countersign/message-chain/v1\0'
const text = new TextEncoder()

/** Where a direction's chain stands after one more message, of this SHA-256; all in hex. */
export function chainMessage(sha256: Sha256, chain: string, digest: string): string {
  const hash = sha256.digest(text.encode(LABEL + chain + digest))
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
