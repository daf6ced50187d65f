/** The name of a workload (SPIFFE-ID, section 2). */
export interface SpiffeId {
  readonly text: string
  readonly trustDomain: string
  /** With its slash in front; workloads have one, trust domains none. */
  readonly path: string
}

const ID_LENGTH_MAX = 2048
const TRUST_DOMAIN_LENGTH_MAX = 255
const FORM = /^spiffe:\/\/([a-z0-9._-]+)((?:\/[A-Za-z0-9._-]+)*)$/

/** In the one spelling that the specification allows; undefined for any other text. */
export function parseSpiffeId(text: string): SpiffeId | undefined {
  if (text.length > ID_LENGTH_MAX) return undefined
  const [, trustDomain = '', path = ''] = FORM.exec(text) ?? []
  if (trustDomain === '' || trustDomain.length > TRUST_DOMAIN_LENGTH_MAX) return undefined
  if (/\/\.{1,2}(?:\/|$)/.test(path)) return undefined
  return { text, trustDomain, path }
}
