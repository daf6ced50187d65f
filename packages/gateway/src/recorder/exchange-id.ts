import { parseUuid, readUuid } from '@countersign/evidence'
import { writeUtf8 } from '../platform/index.ts'

const CHARACTERS = 36
/** With room for one that is not ASCII, whose bytes are no digits: `readUuid` refuses it. */
const codes = Buffer.allocUnsafeSlow(CHARACTERS + 3)

/**
 * Writes the 16 bytes of an exchange's id to `into`, and returns them. As `parseUuid`, but the text
 * is read by one call: ids are strings of many origins, and a loop looks up each character anew.
 *
 * @throws EvidenceError EVIDENCE_UUID
 */
export function readExchange(exchange: string, into: Uint8Array): Uint8Array {
  if (exchange.length !== CHARACTERS) return parseUuid(exchange)
  writeUtf8(codes, 0, exchange)
  return readUuid(codes, into)
}
