import {
  isStrictJson,
  type RecordPlace,
  type SectionName,
  type When,
  type Who,
} from '@countersign/evidence'
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
  // Not `in`, here and below: of objects of many forms that takes the runtime much longer.
  if ((value as Partial<Who>).requestSalt !== undefined) return whoText(name, value as Who)
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

/** The members of `when`, the version aside. */
export type WhenFacts = { readonly [name in Exclude<keyof When, 'v'>]: When[name] | undefined }

/** The JSON of `when`, of which all but the gateway's name is of our own making. */
export function whenText(when: WhenFacts): string {
  const { kind, id, exchange, at, about, clock, recording } = when
  const of = exchange === undefined ? id : `${id}","exchange":"${exchange}`
  const concerns = about === undefined ? '' : aboutText(about)
  const rest = clock === undefined && recording === undefined ? '}' : restText(when)
  return `{"v":1,"kind":"${kind}","id":"${of}","at":"${at}${placeText(when)}${concerns}${rest}`
}

function aboutText({ epoch, index }: RecordPlace): string {
  return `,"about":{"epoch":${epoch},"index":${index}}`
}

function restText({ clock, recording }: WhenFacts): string {
  const ofClock = clock === undefined ? '' : `,"clock":"${clock}"`
  return recording === undefined ? `${ofClock}}` : `${ofClock},"recording":"${recording}"}`
}

let placed: Pick<WhenFacts, 'gateway' | 'incarnation'> | undefined
let placedText = ''

/** What all records of one life of the ledger have in common. */
function placeText(when: WhenFacts): string {
  const { gateway = '', incarnation } = when
  if (gateway === placed?.gateway && incarnation === placed.incarnation) return placedText
  const quoted = JSON.stringify(gateway.toWellFormed())
  placed = { gateway, incarnation }
  placedText = `","gateway":${quoted},"incarnation":${incarnation}`
  return placedText
}
