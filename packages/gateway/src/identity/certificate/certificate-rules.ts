import { z } from 'zod'
import type { Principal } from '../principal.ts'
import type { CertificateNames } from './certificate-names.ts'

const name = z
  .string()
  .min(1)
  .max(200)
  .regex(/^[^\p{Cc}\p{Cs}]*$/u, 'has control characters')

const SOURCES = ['commonName', 'dns', 'uri', 'email', 'sha256'] as const

/** One item of `identity.certificates[].rules`: which certificates are whose. */
const ruleSchema = z.strictObject({
  from: z.enum(SOURCES).describe('which of its names says who holds a certificate'),
  matches: name.describe('the name; * stands for one or more characters other than . / @ and :'),
  principal: name.default('{name}').describe('{name} is replaced by the name that matched'),
  kind: z.enum(['user', 'service']).default('service'),
  groups: z.array(name).max(100).default([]),
  roles: z.array(name).max(100).default([]),
  scopes: z
    .array(z.string().regex(/^[!#-[\]-~]{1,200}$/, 'is not one scope'))
    .max(100)
    .default([]),
})

export type CertificateRule = z.infer<typeof ruleSchema>

/** One item of `identity.certificates`. */
export const certificatesSchema = z
  .strictObject({
    name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/, 'is not a short plain name'),
    rules: z.array(ruleSchema).min(1).max(1000),
  })
  .describe('client certificates that say who somebody is; the first rule that matches counts')

export type CertificatesConfig = z.infer<typeof certificatesSchema>

const ID_LENGTH_MAX = 200

/** Who holds a certificate, by the first rule that matches; or why nobody does. */
export function principalOf(
  rules: readonly CertificateRule[],
  issuer: string,
  { names, sha256 }: { readonly names: CertificateNames; readonly sha256: string },
): Principal | 'certificate-unknown' | 'certificate-ambiguous' {
  for (const rule of rules) {
    const shown = rule.from === 'sha256' ? [sha256] : names[rule.from]
    const pattern = patternOf(rule)
    const [match, second] = shown.filter((each) => pattern.test(each))
    if (match === undefined) continue
    // Two names that match are two principals, and nothing says which of them is meant.
    if (second !== undefined) return 'certificate-ambiguous'
    const id = rule.principal.replace('{name}', () => match)
    if (id === 'anonymous' || id.length > ID_LENGTH_MAX || /[\p{Cc}\p{Cs}]/u.test(id)) {
      return 'certificate-unknown'
    }
    const { kind, groups, roles, scopes } = rule
    return { id, kind, issuer, groups, roles, scopes, claims: {} }
  }
  return 'certificate-unknown'
}

function patternOf({ matches, from }: CertificateRule): RegExp {
  const text = from === 'dns' || from === 'sha256' ? matches.toLowerCase() : matches
  const parts = text.split('*').map((part) => RegExp.escape(part))
  return new RegExp(`^${parts.join('[^./@:\\p{Cc}]+')}$`, 'u')
}
