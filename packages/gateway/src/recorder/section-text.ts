import { isStrictJson, type SectionName, type Who } from '@countersign/evidence'
import { RecorderError } from './error.ts'

/** The JSON of a section that was made elsewhere, by `sectionText`. */
export class SectionText {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/** The JSON of a section's value, strict where types alone cannot make it so. */
export function sectionText(name: SectionName, value: object): string {
  if (value instanceof SectionText) return value.text
  // By name: to ask every object whether it is frozen, or has a salt, takes as long as its JSON.
  switch (name) {
    case 'who':
    case 'actor':
      if ((value as Partial<Who>).requestSalt !== undefined) return whoText(name, value as Who)
      return standingText(name, value)
    case 'where':
      return standingText(name, value)
    default:
      return wholeText(name, value)
  }
}

function standingText(name: SectionName, value: object): string {
  return Object.isFrozen(value) ? frozenText(name, value) : wholeText(name, value)
}

const knownTexts = new WeakMap<object, string>()

/** Whoever freezes a value says that all of it stays as it is: what of a connection does. */
function frozenText(name: SectionName, value: object): string {
  let text = knownTexts.get(value)
  if (text === undefined) {
    text = wholeText(name, value)
    knownTexts.set(value, text)
  }
  return text
}

/** What a party's `who` is but for the salt, of those that come again and again. */
interface KnownWho {
  readonly credential: Who['credential']
  readonly facts: Who['facts']
  /** The JSON without its last brace. */
  readonly head: string
}

const knownByPrincipal = new WeakMap<object, KnownWho>()

/** Whoever freezes a principal says that it stays as it is, and what stands beside it with it. */
function whoText(name: SectionName, who: Who): string {
  const { principal, credential, facts, requestSalt } = who
  if (!Object.isFrozen(principal) || hasMore(who)) return wholeText(name, who)
  let known = knownByPrincipal.get(principal)
  if (known === undefined || known.credential !== credential || known.facts !== facts) {
    const head = wholeText(name, { ...who, requestSalt: undefined }).slice(0, -1)
    known = { credential, facts, head }
    knownByPrincipal.set(principal, known)
  }
  return `${known.head},"requestSalt":${JSON.stringify(requestSalt)}}`
}

/** A member that a later version may add would be left out. */
function hasMore(who: object): boolean {
  for (const name in who) if (!WHO_MEMBERS.has(name)) return true
  return false
}

const WHO_MEMBERS: ReadonlySet<string> = new Set([
  'principal',
  'credential',
  'facts',
  'requestSalt',
])

function wholeText(name: SectionName, value: object): string {
  const { facts } = value as { readonly facts?: unknown }
  if (facts !== undefined && !isStrictJson(facts)) {
    throw new RecorderError('RECORDER_NOT_STRICT', `facts of ${name} are not strict json`)
  }
  const text = JSON.stringify(value)
  // A lone surrogate has no UTF-8: JSON writes it as an escape, which no strict reader takes.
  if (!text.includes('\\ud')) return text
  return JSON.stringify(value, (_, item: unknown) =>
    typeof item === 'string' ? item.toWellFormed() : item,
  )
}
