import { EvidenceError } from './error.ts'

/** Of each byte its two digits. */
const DIGITS = Uint8Array.from({ length: 512 }, (_, at) =>
  (((at >> 1) >> (at % 2 === 0 ? 4 : 0)) & 0xf).toString(16).charCodeAt(0),
)
const UUID_CHARACTERS = 36
const DASH = 0x2d
const codes = Array.from({ length: UUID_CHARACTERS }, () => DASH)

/** Random bytes that one UUIDv7 takes. */
export const UUID_RANDOM_BYTES = 8

/**
 * Returns a new UUIDv7 (RFC 9562, section 5.7), 16 bytes: milliseconds, then the microseconds of
 * that millisecond in the 12 bits of rand_a (section 6.2, method 3), then 62 random bits.
 *
 * @param atUs    microseconds since 1970-01-01 UTC
 * @param random  UUID_RANDOM_BYTES unpredictable bytes from `from` on; copied
 * @param uuid    16 bytes that it is written to, and that are returned
 */
export function makeUuid(
  atUs: number,
  random: Uint8Array,
  from = 0,
  uuid: Uint8Array = new Uint8Array(16),
): Uint8Array {
  const left = random.length - from
  if (!Number.isSafeInteger(atUs) || atUs < 0 || left < UUID_RANDOM_BYTES) {
    throw new EvidenceError('EVIDENCE_UUID', `no uuid from ${atUs} us, ${left} bytes`)
  }
  const ms = Math.floor(atUs / 1000)
  const high = Math.floor(ms / 0x1_0000)
  const fraction = Math.floor(((atUs - ms * 1000) * 4096) / 1000)
  uuid[0] = high >>> 24
  uuid[1] = high >>> 16
  uuid[2] = high >>> 8
  uuid[3] = high
  uuid[4] = ms >>> 8
  uuid[5] = ms
  uuid[6] = 0x70 | (fraction >>> 8)
  uuid[7] = fraction
  for (let at = 0; at < UUID_RANDOM_BYTES; at++) uuid[8 + at] = random[from + at] ?? 0
  uuid[8] = 0x80 | ((uuid[8] ?? 0) & 0x3f)
  return uuid
}

/** Returns the 36 lower-case characters of a UUID of 16 bytes: one flat string, never a tree. */
export function formatUuid(uuid: Uint8Array): string {
  if (uuid.length !== 16) throw new EvidenceError('EVIDENCE_UUID', `uuid of ${uuid.length} bytes`)
  let place = 0
  for (let at = 0; at < 16; at++) {
    if (at === 4 || at === 6 || at === 8 || at === 10) place++
    const digits = 2 * (uuid[at] ?? 0)
    codes[place++] = DIGITS[digits] ?? 0
    codes[place++] = DIGITS[digits + 1] ?? 0
  }
  return String.fromCharCode.apply(undefined, codes)
}

/**
 * Returns the 16 bytes of a UUIDv7 in lower-case text.
 *
 * @throws EvidenceError EVIDENCE_UUID for another form, version or variant
 */
export function parseUuid(text: string): Uint8Array {
  if (text.length !== UUID_CHARACTERS) throw notSeven()
  for (let at = 0; at < UUID_CHARACTERS; at++) parsed[at] = text.charCodeAt(at)
  return readUuid(parsed)
}

/** Of 16 bits each: a character that is no digit must not become one. */
const parsed = new Uint16Array(UUID_CHARACTERS)

/** As `parseUuid`, of the first 36 character codes; writes to `uuid`, and returns it. */
export function readUuid(
  codes: Uint8Array | Uint16Array,
  uuid: Uint8Array = new Uint8Array(16),
): Uint8Array {
  let place = 0
  let isGood = true
  for (let at = 0; at < 16; at++) {
    if (at === 4 || at === 6 || at === 8 || at === 10) isGood &&= codes[place++] === DASH
    const high = VALUES[codes[place++] ?? 0] ?? -1
    const low = VALUES[codes[place++] ?? 0] ?? -1
    isGood &&= (high | low) >= 0
    uuid[at] = (high << 4) | low
  }
  const isSeven = ((uuid[6] ?? 0) & 0xf0) === 0x70 && ((uuid[8] ?? 0) & 0xc0) === 0x80
  if (isGood && isSeven) return uuid
  throw notSeven()
}

function notSeven(): EvidenceError {
  return new EvidenceError('EVIDENCE_UUID', 'not a lower-case uuid version 7')
}

/** By character: what a digit 0 to 9 or a to f stands for. A table, since no branch foresees it. */
const VALUES = Int8Array.from({ length: 128 }, (_, code) =>
  '0123456789abcdef'.indexOf(String.fromCharCode(code)),
)
