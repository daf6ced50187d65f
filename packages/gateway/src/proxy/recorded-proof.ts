import type { Credential } from '../identity/index.ts'
import { REDACTED } from '../identity/index.ts'
import { redactHeader, redactQuery, redactText } from './redact.ts'

/** A line of what was signed (RFC 9421, section 2.5): a component, its parameters, its value. */
const LINE = /^"([^"]*)"([^:]*): (.*)$/

/**
 * The credential as a record may hold it. A signature covers fields and the query as they came,
 * with the secrets that may be in them; these are taken out, and such a proof shows nothing more.
 */
export function recordedCredential(credential: Credential | undefined): Credential | undefined {
  if (credential?.method !== 'http-signature' || credential.proof === undefined) return credential
  return { ...credential, proof: credential.proof.split('\n').map(recordedLine).join('\n') }
}

function recordedLine(line: string): string {
  const [, name, parameters = '', value = ''] = LINE.exec(line) ?? []
  if (name === undefined) return REDACTED
  return `"${name}"${redactText(parameters)}: ${recordedValue(name, parameters, value)}`
}

function recordedValue(name: string, parameters: string, value: string): string {
  if (name === '@query-param') {
    const [, asked = ''] = /;name="([^"]*)"/.exec(parameters) ?? []
    return redactQuery(`${asked}=${value}`).slice(asked.length + 1)
  }
  if (name.startsWith('@')) {
    const [before = '', ...query] = value.split('?')
    return [redactText(before), ...(query.length === 0 ? [] : [redactQuery(query.join('?'))])].join(
      '?',
    )
  }
  if (parameters !== ';bs') return redactHeader(name, value)
  const plain = value.split(', ').map((each) => Buffer.from(each, 'base64').toString('latin1'))
  return plain.every((each) => redactHeader(name, each) === each) ? value : REDACTED
}
