import { EvidenceError } from './error.ts'
import { JSON_DEPTH_MAX, type Json, type JsonObject } from './json.ts'

/** Nesting that facts may have: they stand two levels deep in a section. */
export const FACTS_DEPTH_MAX = JSON_DEPTH_MAX - 2

/**
 * Returns `value`, which a lenient parser made, as strict JSON: numbers that are no safe integers
 * become their decimal text, lone surrogates U+FFFD; members that are undefined are left out.
 *
 * @throws EvidenceError EVIDENCE_JSON for what JSON cannot say, or deeper than FACTS_DEPTH_MAX
 */
export function strictJson(value: unknown, depthMax: number = FACTS_DEPTH_MAX): Json {
  if (value === null || typeof value === 'boolean') return value
  if (typeof value === 'string') return value.toWellFormed()
  if (typeof value === 'number') return strictNumber(value)
  if (typeof value !== 'object') refuse(`a ${typeof value} is not json`)
  if (depthMax === 0) refuse('value is nested too deeply')
  if (Array.isArray(value)) return value.map((item) => strictJson(item, depthMax - 1))
  const members = Object.entries(value).filter(([, item]) => item !== undefined)
  return Object.fromEntries(
    members.map(([name, item]) => [name.toWellFormed(), strictJson(item, depthMax - 1)]),
  )
}

function strictNumber(value: number): Json {
  if (!Number.isFinite(value)) refuse(`${value} is not json`)
  if (Object.is(value, -0)) return 0
  return Number.isSafeInteger(value) ? value : String(value)
}

/** Says whether `value` is strict JSON already, at most FACTS_DEPTH_MAX deep. */
export function isStrictJson(value: unknown, depthMax: number = FACTS_DEPTH_MAX): value is Json {
  if (value === null || typeof value === 'boolean') return true
  if (typeof value === 'string') return value.isWellFormed()
  if (typeof value === 'number') return Number.isSafeInteger(value)
  if (typeof value !== 'object' || depthMax === 0) return false
  if (Array.isArray(value)) {
    for (const item of value) if (!isStrictJson(item, depthMax - 1)) return false
    return true
  }
  for (const name of Object.keys(value)) {
    if (!name.isWellFormed()) return false
    if (!isStrictJson((value as JsonObject)[name], depthMax - 1)) return false
  }
  return true
}

function refuse(message: string): never {
  throw new EvidenceError('EVIDENCE_JSON', message)
}
