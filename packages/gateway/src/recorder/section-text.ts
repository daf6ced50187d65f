import { isStrictJson, type SectionName, type When, type Who } from '@countersign/evidence'
import { RecorderError } from './error.ts'

/** The JSON of a section's value, strict where types alone cannot make it so. */
export function sectionText(name: SectionName, value: object): string {
  if ('requestSalt' in value) return whoText(name, value as Who)
  return wholeText(name, value)
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
  const { principal, credential, facts, requestSalt, ...rest } = who
  if (!Object.isFrozen(principal) || Object.keys(rest).length > 0) return wholeText(name, who)
  let known = knownByPrincipal.get(principal)
  if (known === undefined || known.credential !== credential || known.facts !== facts) {
    const head = wholeText(name, { ...who, requestSalt: undefined }).slice(0, -1)
    known = { credential, facts, head }
    knownByPrincipal.set(principal, known)
  }
  return `${known.head},"requestSalt":${JSON.stringify(requestSalt)}}`
}

function wholeText(name: SectionName, value: object): string {
  if ('facts' in value && !isStrictJson(value.facts)) {
    throw new RecorderError('RECORDER_NOT_STRICT', `facts of ${name} are not strict json`)
  }
  const text = JSON.stringify(value)
  // A lone surrogate has no UTF-8: JSON writes it as an escape, which no strict reader takes.
  if (!text.includes('\\ud')) return text
  return JSON.stringify(value, (_, item: unknown) =>
    typeof item === 'string' ? item.toWellFormed() : item,
  )
}

/** The members of `when`, the version aside. */
export type WhenFacts = { readonly [name in Exclude<keyof When, 'v'>]: When[name] | undefined }

/** The JSON of `when`, of which all but the gateway's name is of our own making. */
export function whenText(when: WhenFacts): string {
  const { kind, id, exchange, at, gateway = '', incarnation, about, clock, recording } = when
  let text = `{"v":1,"kind":"${kind}","id":"${id}"`
  if (exchange !== undefined) text += `,"exchange":"${exchange}"`
  text += `,"at":"${at}","gateway":${quoted(gateway)},"incarnation":${incarnation}`
  if (about !== undefined) text += `,"about":{"epoch":${about.epoch},"index":${about.index}}`
  if (clock !== undefined) text += `,"clock":"${clock}"`
  if (recording !== undefined) text += `,"recording":"${recording}"`
  return `${text}}`
}

let quotedFor = ''
let quotedText = '""'

function quoted(gateway: string): string {
  if (gateway !== quotedFor) {
    quotedText = JSON.stringify(gateway.toWellFormed())
    quotedFor = gateway
  }
  return quotedText
}
