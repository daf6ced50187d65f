import type { PersonalChoice } from '../../recorder/index.ts'
import { copied, type FrameRows, GarbledError } from './frame-reader.ts'
import type { FrameWriter } from './frame-writer.ts'
import type { Answer, Asking, FromGateway, FromWorker, SubjectWords } from './messages.ts'

// Rows that cross for every request, as numbers and texts. All others cross as values.

const [INTENT, REFUSAL, OUTCOME, PROGRESS, TAKE, RELEASE, RENEW] = [1, 2, 3, 4, 5, 6, 7]
const [RECORDED, DONE, TAKEN] = [1, 2, 3]
const NOT_HELD = -1

/** What a quota is asked with: name, key, cost. */
const ASK_WORDS = 3

/** Sections that a route may put under the person's key, and whether it is relaxed: a bit each. */
const [WHAT, HOW, RELAXED] = [1, 2, 4]

/** False: it crosses as a value, as what names bodies does. */
export function writeFromWorker(to: FrameWriter, row: FromWorker): boolean {
  switch (row[0]) {
    case 'intent':
      if (row[8] !== undefined) return false
      to.number(INTENT)
      writeAsked(to, row, row[7] ? RELAXED : 0)
      return true
    case 'refusal':
      if (row[8] !== undefined) return false
      to.number(REFUSAL)
      writeAsked(to, row, 0)
      to.text(row[7])
      return true
    case 'outcome':
      if (row[5] !== undefined) return false
      writeNumbers(to, OUTCOME, row[1], row[2][0], row[2][1])
      to.text(row[3])
      to.text(row[4])
      return true
    case 'progress':
      writeNumbers(to, PROGRESS, row[1], row[2][0], row[2][1])
      to.text(row[3])
      return true
    case 'take':
      writeTake(to, row)
      return true
    case 'release':
      writeNumbers(to, RELEASE, row[1])
      return true
    case 'renew':
      writeNumbers(to, RENEW, row[1])
      return true
    default:
      return false
  }
}

export function readFromWorker(from: FrameRows): FromWorker {
  const kind = from.number()
  const place = from.number()
  switch (kind) {
    case INTENT:
      return readIntent(from, place)
    case REFUSAL: {
      const [, , exchange, party, actor, personal, texts] = readIntent(from, place)
      return ['refusal', place, exchange, party, actor, personal, texts, from.text(), undefined]
    }
    case OUTCOME: {
      const intent = [from.number(), from.number()] as const
      return ['outcome', place, intent, from.optionalText(), from.text(), undefined]
    }
    case PROGRESS:
      return ['progress', place, [from.number(), from.number()], from.text()]
    case TAKE:
      return readTake(from, place)
    case RELEASE:
      return ['release', place]
    case RENEW:
      return ['renew', place]
    default:
      throw new GarbledError(`a worker asks for ${kind}`)
  }
}

/** False: it crosses as a value. */
export function writeFromGateway(to: FrameWriter, row: FromGateway): boolean {
  switch (row[0]) {
    case 'recorded':
      writeNumbers(to, RECORDED, row[1], row[2], row[5], row[6] ? 1 : 0)
      to.text(row[3])
      to.text(row[4])
      return true
    case 'done':
      writeNumbers(to, DONE, row[1])
      return true
    case 'taken':
      writeNumbers(to, TAKEN, row[1], row[2] ?? NOT_HELD, row[3] ? 1 : 0)
      to.number(row[4].length)
      for (const standing of row[4]) to.number(standing)
      return true
    default:
      return false
  }
}

export function readFromGateway(from: FrameRows): Answer {
  const kind = from.number()
  const place = from.number()
  switch (kind) {
    case RECORDED: {
      const [index, slot, isDurable] = [from.number(), from.number(), from.number() === 1]
      return ['recorded', place, index, from.text(), from.text(), slot, isDurable]
    }
    case DONE:
      return ['done', place]
    case TAKEN: {
      const [held, isAdmitted] = [from.number(), from.number() === 1]
      const standings: number[] = []
      for (let left = from.count(); left > 0; left--) standings.push(from.number())
      return ['taken', place, held === NOT_HELD ? undefined : held, isAdmitted, standings]
    }
    default:
      throw new GarbledError(`the gateway answers ${kind}`)
  }
}

type Asked = Extract<Asking, readonly ['intent' | 'refusal', ...unknown[]]>

function writeNumbers(to: FrameWriter, ...numbers: readonly number[]): void {
  for (let at = 0; at < numbers.length; at++) to.number(numbers[at] as number)
}

function writeAsked(to: FrameWriter, row: Asked, relaxed: number): void {
  const [, place, exchange, party, actor, personal, texts] = row
  to.number(place)
  to.number(relaxed + bitsOf(personal))
  to.text(exchange)
  to.text(party[0])
  to.text(party[1])
  to.number(actor === undefined ? 0 : 1)
  if (actor !== undefined) {
    to.text(actor[0])
    to.text(actor[1])
  }
  const [who, ofActor, where, what, why] = texts
  to.text(who)
  to.text(ofActor)
  to.text(where)
  to.text(what)
  to.text(why)
}

function readIntent(
  from: FrameRows,
  place: number,
): Extract<Asking, readonly ['intent', ...unknown[]]> {
  const bits = from.number()
  const isRelaxed = bits >= RELAXED
  const personal = personalOf(isRelaxed ? bits - RELAXED : bits)
  const exchange = from.keptText()
  const party = readSubject(from)
  const actor = from.number() === 1 ? readSubject(from) : undefined
  const texts = [
    from.optionalText(),
    from.optionalText(),
    from.optionalText(),
    from.optionalText(),
    from.optionalText(),
  ]
  return ['intent', place, exchange, party, actor, personal, texts, isRelaxed, undefined]
}

function readSubject(from: FrameRows): SubjectWords {
  const issuer = from.optionalText()
  return [issuer === undefined ? undefined : copied(issuer), from.keptText()]
}

function bitsOf(personal: readonly PersonalChoice[] | undefined): number {
  return (personal?.includes('what') ? WHAT : 0) + (personal?.includes('how') ? HOW : 0)
}

function personalOf(bits: number): readonly PersonalChoice[] | undefined {
  if (bits === 0) return undefined
  if (bits === WHAT) return ['what']
  if (bits === HOW) return ['how']
  if (bits === WHAT + HOW) return ['what', 'how']
  throw new GarbledError(`sections ${bits} are personal`)
}

function writeTake(
  to: FrameWriter,
  [, place, asks, leaseUs]: Extract<Asking, readonly ['take', ...unknown[]]>,
): void {
  writeNumbers(to, TAKE, place, leaseUs, asks.length / ASK_WORDS)
  for (const word of asks) {
    if (typeof word === 'number') to.number(word)
    else to.text(word)
  }
}

function readTake(from: FrameRows, place: number): Asking {
  const leaseUs = from.number()
  const asks: (string | number)[] = []
  for (let left = from.count(); left > 0; left--)
    asks.push(from.text(), from.keptText(), from.number())
  return ['take', place, asks, leaseUs]
}
