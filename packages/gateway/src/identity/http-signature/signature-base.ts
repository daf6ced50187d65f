import type { Presented } from '../presented.ts'
import {
  formatInnerList,
  formatItem,
  type InnerList,
  type Item,
  withoutEnds,
} from './structured-fields.ts'

/** What is wrong with the components that a signature covers. */
export type ComponentFault = 'signature-component' | 'signature-component-missing'

/** What a request is made of, as signatures name it (RFC 9421, section 2.2). */
interface Target {
  readonly method: string
  readonly scheme: string
  readonly authority: string
  readonly path: string
  /** With its `?`; empty where there is none. */
  readonly query: string
  /** Of the query, each name as section 2.2.8 encodes it; read once, when asked for. */
  readonly parameters: () => readonly (readonly [name: string, value: string])[]
}

const DEFAULT_PORT: { readonly [scheme: string]: string } = { http: ':80', https: ':443' }
const FIELD_NAME = /^[a-z0-9!#$%&'*+\-.^_`|~]+$/

/**
 * Returns the text that is signed (RFC 9421, section 2.5). Only components that the request has
 * exactly once and in one meaning; parameters that would change a component's form are refused,
 * but for `bs`.
 */
export function signatureBase(
  input: InnerList,
  presented: Pick<Presented, 'method' | 'url' | 'valuesOf'>,
): { readonly base: string; readonly covered: ReadonlySet<string> } | ComponentFault {
  const target = readTarget(presented)
  if (target === undefined) return 'signature-component'
  const nominated = nominatedBy(presented)
  const covered = new Set<string>()
  const lines: string[] = []
  for (const item of input.items) {
    if (item.item.kind !== 'string') return 'signature-component'
    const name = formatItem(item)
    if (covered.has(name) || nominated.has(item.item.value)) return 'signature-component'
    const value = item.item.value.startsWith('@')
      ? derivedValue(item.item.value, item, target)
      : fieldValue(item.item.value, item, presented)
    if (value === 'unknown') return 'signature-component'
    if (value === undefined) return 'signature-component-missing'
    covered.add(name)
    lines.push(`${name}: ${value.text}`)
  }
  lines.push(`"@signature-params": ${formatInnerList(input)}`)
  return { base: lines.join('\n'), covered }
}

/** Fields that end at this connection (RFC 9110, 7.6.1): no upstream sees what was signed. */
function nominatedBy(presented: Pick<Presented, 'valuesOf'>): ReadonlySet<string> {
  const values = presented.valuesOf('connection').join().toLowerCase()
  return new Set(values.split(',').map((name) => withoutEnds(name, ' \t')))
}

type Value = { readonly text: string } | 'unknown' | undefined

function derivedValue(name: string, item: Item, target: Target): Value {
  if (name === '@query-param') return queryParameter(item, target)
  if (item.parameters.size > 0) return 'unknown'
  const { method, scheme, authority, path, query } = target
  switch (name) {
    case '@method':
      return { text: method }
    case '@target-uri':
      return { text: `${scheme}://${authority}${path}${query}` }
    case '@authority':
      return { text: authority }
    case '@scheme':
      return { text: scheme }
    case '@request-target':
      return { text: `${path}${query}` }
    case '@path':
      return { text: path }
    case '@query':
      return { text: query === '' ? '?' : query }
    default:
      return 'unknown'
  }
}

/** Section 2.2.8: one parameter, decoded as a form and encoded again. */
function queryParameter({ parameters }: Item, target: Target): Value {
  const name = parameters.get('name')
  if (parameters.size !== 1 || name?.kind !== 'string') return 'unknown'
  const values = target
    .parameters()
    .filter(([each]) => each === name.value)
    .map(([, value]) => value)
  const [value, second] = values
  if (value === undefined) return undefined
  return second === undefined ? { text: encodeForm(value) } : 'unknown'
}

function encodeForm(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replaceAll(
    /[!'()~]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}

function fieldValue(
  name: string,
  { parameters }: Item,
  presented: Pick<Presented, 'valuesOf'>,
): Value {
  if (!FIELD_NAME.test(name)) return 'unknown'
  const values = presented.valuesOf(name).map((value) => withoutEnds(value, ' \t'))
  if (values.length === 0) return undefined
  const bs = parameters.get('bs')
  if (parameters.size === 0) return { text: values.join(', ') }
  if (parameters.size !== 1 || bs?.kind !== 'boolean' || !bs.value) return 'unknown'
  const wrapped = values.map((value) => `:${Buffer.from(value, 'latin1').toString('base64')}:`)
  return { text: wrapped.join(', ') }
}

/** From the URL as clients know it, which is canonical already but for a port that says nothing. */
function readTarget({ method, url }: Pick<Presented, 'method' | 'url'>): Target | undefined {
  const [, scheme, named, path, query = ''] =
    /^(https?):\/\/([^/?#]+)(\/[^?#]*)(\?[^#]*)?$/.exec(url) ?? []
  if (scheme === undefined || named === undefined || path === undefined) return undefined
  const port = DEFAULT_PORT[scheme] ?? ''
  const authority = named.endsWith(port) ? named.slice(0, -port.length) : named
  let read: ReturnType<Target['parameters']> | undefined
  const parameters: Target['parameters'] = () => {
    read ??= [...new URLSearchParams(query.slice(1))].map(([name, value]) => {
      return [encodeForm(name), value] as const
    })
    return read
  }
  return { method, scheme, authority, path, query, parameters }
}
