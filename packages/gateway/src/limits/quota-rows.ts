import { crc32 } from 'node:zlib'
import { LimitsError } from './limits-error.ts'

/** What a durable quota has reserved for one key. */
export interface QuotaRow {
  readonly quota: string
  /** 32 hexadecimal digits: which key, for whoever knows the key. */
  readonly digest: string
  readonly limit: number
  readonly windowUs: number
  readonly burst: number
  readonly reservedUs: number
}

const HEAD = /^countersign quotas 1 ([0-9a-f]{32})$/
const ROW = /^(\S{1,64}) ([0-9a-f]{32}) (\d{1,10}) (\d{1,16}) (\d{1,10}) (\d{1,16})$/

export function encodeHead(salt: string): string {
  return line(`countersign quotas 1 ${salt}`)
}

export function encodeRow(row: QuotaRow): string {
  const { quota, digest, limit, windowUs, burst, reservedUs } = row
  return line(`${quota} ${digest} ${limit} ${windowUs} ${burst} ${reservedUs}`)
}

/**
 * Reads the whole file. A later row of the same key replaces the one before. Lines at the end
 * that are torn were promised to nobody; anything else that is no line is damage.
 */
export function decodeRows(path: string, text: string): { salt: string; rows: QuotaRow[] } {
  const lines = text.split('\n').map(checked)
  const [, salt] = HEAD.exec(lines[0] ?? '') ?? []
  if (salt === undefined) throw damaged(path, 1)
  const torn = lines.indexOf(undefined)
  const end = torn === -1 ? lines.length : torn
  const later = lines.findIndex((each, at) => at > end && each !== undefined)
  if (later !== -1) throw damaged(path, end + 1)
  const rows = lines.slice(1, end).map((each, at) => {
    const found = ROW.exec(each ?? '')
    if (found === null) throw damaged(path, at + 2)
    const [, quota = '', digest = '', ...numbers] = found
    const [limit = 0, windowUs = 0, burst = 0, reservedUs = 0] = numbers.map(Number)
    return { quota, digest, limit, windowUs, burst, reservedUs }
  })
  return { salt, rows }
}

function line(text: string): string {
  return `${crc32(text).toString(16).padStart(8, '0')} ${text}\n`
}

function checked(text: string): string | undefined {
  const content = text.slice(9)
  return text.length > 9 && line(content) === `${text}\n` ? content : undefined
}

function damaged(path: string, at: number): LimitsError {
  const advice = 'restore it, or move it away: durable quotas then begin anew'
  return new LimitsError('LIMITS_FILE_DAMAGED', `${path} is damaged in line ${at}: ${advice}`)
}
