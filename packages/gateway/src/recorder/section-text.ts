import { isStrictJson, type SectionName, type When } from '@countersign/evidence'
import { RecorderError } from './error.ts'

/** The JSON of a section's value, strict where types alone cannot make it so. */
export function sectionText(name: SectionName, value: object): string {
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
  const { kind, id, exchange, at, gateway = '', incarnation, about, clock } = when
  let text = `{"v":1,"kind":"${kind}","id":"${id}"`
  if (exchange !== undefined) text += `,"exchange":"${exchange}"`
  text += `,"at":"${at}","gateway":${quoted(gateway)},"incarnation":${incarnation}`
  if (about !== undefined) text += `,"about":{"epoch":${about.epoch},"index":${about.index}}`
  if (clock !== undefined) text += `,"clock":"${clock}"`
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
