import { isStrictJson, type SectionName, type Who } from '@countersign/evidence'
import { RecorderError } from './error.ts'
import { partyOf } from './party.ts'

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

const knownTexts = new WeakMap<object, string>()

/** Whoever freezes a value says that all of it stays as it is: what of a connection does. */
function standingText(name: SectionName, value: object): string {
  // Before it is asked whether the value is frozen, which takes longer.
  const known = knownTexts.get(value)
  if (known !== undefined) return known
  const text = wholeText(name, value)
  if (Object.isFrozen(value)) knownTexts.set(value, text)
  return text
}

function whoText(name: SectionName, who: Who): string {
  const party = hasMore(who) ? undefined : partyOf(who)
  if (party === undefined) return wholeText(name, who)
  const upToSalt = party.upToSalt(() => {
    const text = wholeText(name, { ...who, requestSalt: undefined })
    return `${text.slice(0, -1)},"requestSalt":`
  })
  const { requestSalt = '' } = who
  const quoted = HEX.test(requestSalt) ? `"${requestSalt}"` : JSON.stringify(requestSalt)
  return `${upToSalt}${quoted}}`
}

/** Needs no escapes. */
const HEX = /^[0-9a-f]+$/

/** A member that a later version may add would be left out. */
function hasMore(who: object): boolean {
  for (const name in who) {
    switch (name) {
      case 'principal':
      case 'credential':
      case 'facts':
      case 'requestSalt':
        continue
      default:
        return true
    }
  }
  return false
}

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
