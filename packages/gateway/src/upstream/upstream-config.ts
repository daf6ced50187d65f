import { z } from 'zod'
import { type AddressRules, addressFault, isAddressOrNetwork } from './address-rules.ts'
import { egressSchema } from './egress-config.ts'
import { readTargetUrl } from './target-url.ts'

const MINUTE_MS = 60_000
const DAY_MS = 86_400_000

const targetUrl = z
  .string()
  .superRefine((url, context) => {
    const place = readTargetUrl(url)
    if ('wrong' in place) context.addIssue({ code: 'custom', message: place.wrong })
  })
  .describe('scheme, host and port')

const hostName = z
  .string()
  .toLowerCase()
  .regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?$/, 'is not a host name')

const targetSchema = z.strictObject({
  url: targetUrl,
  weight: z.int().min(1).max(100).default(1).describe('its share of the requests, against others'),
})

const addressesSchema = z
  .strictObject({
    private: z
      .boolean()
      .optional()
      .describe('loopback and private addresses may be connected to; without it: not for egress'),
    allow: z
      .array(
        z.string().refine(isAddressOrNetwork, 'is not an address, nor a network as in 10.0.0.0/8'),
      )
      .max(64)
      .default([])
      .describe(
        'addresses that may be connected to whatever they are for: link-local, metadata … ' +
          'or networks, which open neither metadata services nor IPv4 in IPv6',
      ),
  })
  .describe('what names may resolve to; further kinds of addresses are never connected to')

const tlsSchema = z
  .strictObject({
    certificate: z.string().min(1).optional().describe('our own, and its chain; PEM file'),
    key: z.string().min(1).optional().describe('of our certificate; PEM file'),
    serverName: hostName
      .optional()
      .describe('asked for (SNI) and verified; without it: the host of the target'),
    pins: z
      .array(z.string().regex(/^[A-Za-z0-9+/]{43}=$/, 'is not the base64 of a SHA-256'))
      .max(16)
      .default([])
      .describe('SHA-256 of the public key (SPKI) that the certificate must have; any of them'),
    minVersion: z.enum(['TLSv1.2', 'TLSv1.3']).default('TLSv1.2'),
    suites: z
      .array(z.string().regex(/^(TLS_[A-Z0-9_]+|ECDHE-[A-Z0-9-]+)$/, 'is not a suite with ECDHE'))
      .min(1)
      .max(32)
      .optional()
      .describe('OpenSSL names of suites; without it: those with ECDHE and AEAD'),
    revocations: z
      .array(z.string().min(1))
      .default([])
      .describe('revocation lists, PEM files; one for each authority of a chain'),
  })
  .refine(({ certificate, key }) => (certificate === undefined) === (key === undefined), {
    message: 'certificate and key belong together',
  })
  .describe('that the certificate is verified cannot be turned off')

const timeoutsSchema = z
  .strictObject({
    connectMs: z.int().min(10).max(MINUTE_MS).optional().describe('over limits.connectMs'),
    responseHeadMs: z.int().min(10).max(DAY_MS).optional().describe('over limits.responseHeadMs'),
    responseIdleMs: z.int().min(10).max(DAY_MS).optional().describe('over limits.responseIdleMs'),
    waitMs: z
      .int()
      .min(1)
      .max(MINUTE_MS)
      .default(5000)
      .describe('a request that waits for a free connection; then 503 upstream-overloaded'),
    idleMs: z
      .int()
      .min(100)
      .max(60 * MINUTE_MS)
      .default(30_000)
      .describe('a connection that nothing uses is closed after it'),
  })
  .describe('of this upstream')

const retriesSchema = z
  .strictObject({
    attemptsMax: z.int().min(1).max(10).default(2).describe('the first one included'),
    budgetPercent: z
      .int()
      .min(0)
      .max(100)
      .default(20)
      .describe('retries for every 100 requests, beside a reserve of 10'),
  })
  .describe('another target is asked: before a byte of the body is sent, and of a response had')

const statusList = z.array(z.int().min(100).max(599)).min(1).max(500)

const healthSchema = z
  .strictObject({
    path: z.string().regex(/^\/[!-~]{0,999}$/, 'is not a path'),
    host: hostName.optional().describe('`Host` of the check; without it: that of the target'),
    everyMs: z.int().min(100).max(DAY_MS).default(10_000),
    timeoutMs: z.int().min(10).max(MINUTE_MS).default(2000),
    healthyAfter: z.int().min(1).max(100).default(2).describe('good checks in a row'),
    unhealthyAfter: z.int().min(1).max(100).default(3).describe('bad checks in a row'),
    statuses: statusList.default([200, 204]).describe('of a good answer'),
  })
  .describe('targets are asked for how they are; one that is unhealthy gets no requests')

const outliersSchema = z
  .strictObject({
    faultsMax: z.int().min(1).max(1000).default(5).describe('in a row; then it is ejected'),
    statuses: statusList.default([502, 503, 504]).describe('of a response that counts as a fault'),
    ejectMs: z
      .int()
      .min(100)
      .max(DAY_MS)
      .default(30_000)
      .describe('how long it gets no requests; times the ejections in a row, up to ten'),
    ejectedPercentMax: z
      .int()
      .min(0)
      .max(100)
      .default(50)
      .describe('of the targets; the last one is never ejected'),
  })
  .describe('targets that fail are left out for a while')

/** One value of `upstreams`. */
export const upstreamSchema = z
  .strictObject({
    url: targetUrl.optional(),
    targets: z.array(targetSchema).min(1).max(256).optional().describe('in place of `url`'),
    balance: z
      .enum(['round-robin', 'least-requests'])
      .default('round-robin')
      .describe('how one of several targets is chosen'),
    host: z
      .union([z.literal('target'), z.literal('asked'), z.strictObject({ name: hostName })])
      .default('target')
      .describe('`Host` that the upstream gets: of its URL, as the client asked, or this one'),
    protocol: z
      .enum(['http/1.1', 'h2', 'auto'])
      .default('http/1.1')
      .describe('h2 without TLS: with prior knowledge; auto: what the target chooses by ALPN'),
    authority: z.string().min(1).optional().describe('certificate authorities, PEM file'),
    tls: tlsSchema.optional(),
    connectionsMax: z.int().min(1).max(10_000).default(128).describe('to each target'),
    requestsMax: z
      .int()
      .min(1)
      .max(1_000_000)
      .default(10_000)
      .describe('going on and waiting; further ones: 503 upstream-overloaded'),
    waitingMax: z
      .int()
      .min(0)
      .max(1_000_000)
      .default(1000)
      .describe('that wait for a free connection; further ones: 503 upstream-overloaded'),
    slowStartMs: z
      .int()
      .min(0)
      .max(60 * MINUTE_MS)
      .default(0)
      .describe('a target that is new or back gets its whole share only after it'),
    refreshMs: z.int().min(100).max(DAY_MS).default(30_000).describe('names are resolved again'),
    addresses: addressesSchema.prefault({}),
    egress: egressSchema.optional(),
    timeouts: timeoutsSchema.prefault({}),
    retries: retriesSchema.prefault({}),
    health: healthSchema.optional(),
    outliers: outliersSchema.prefault({}),
  })
  .superRefine(({ url, targets, addresses, egress, host, tls }, context) => {
    // What is no network is told of itself.
    const allow = addresses.allow.filter(isAddressOrNetwork)
    const rules = rulesOf({ addresses: { ...addresses, allow }, egress })
    if ((url === undefined) === (targets === undefined)) {
      context.addIssue({ code: 'custom', message: 'has either url or targets' })
    }
    const schemes = new Set<string>()
    for (const { path, text } of urlsOf(url, targets)) {
      const place = readTargetUrl(text)
      if ('wrong' in place) continue
      schemes.add(place.scheme)
      const fault = place.isAddress ? addressFault(place.host, rules) : undefined
      if (fault === undefined) continue
      const message = `is a ${fault} address; if it is meant, list it in addresses.allow`
      context.addIssue({ code: 'custom', path, message })
    }
    if (schemes.size > 1) {
      context.addIssue({ code: 'custom', path: ['targets'], message: 'mixes http and https' })
    }
    if (egress !== undefined && schemes.has('http')) {
      const message = 'needs https: what is shown to a service must not be read on the way'
      context.addIssue({ code: 'custom', path: ['egress'], message })
    }
    if (egress !== undefined && host === 'asked') {
      const message = 'is what callers call the gateway: nobody else’s business'
      context.addIssue({ code: 'custom', path: ['host'], message })
    }
    if (tls !== undefined && schemes.has('http')) {
      context.addIssue({ code: 'custom', path: ['tls'], message: 'is of no use to http targets' })
    }
  })

/** PEM texts stand in it, in place of paths, once its files were read. */
export type UpstreamConfig = z.infer<typeof upstreamSchema>

/** Which addresses its names may have. A service of somebody else is on no network of ours. */
export function rulesOf({
  addresses,
  egress,
}: Pick<UpstreamConfig, 'addresses' | 'egress'>): AddressRules {
  return { private: addresses.private ?? egress === undefined, allow: addresses.allow }
}

/** One target, as configured. */
export interface TargetConfig {
  readonly url: string
  readonly weight: number
}

export function targetsOf({ url, targets }: UpstreamConfig): readonly TargetConfig[] {
  return targets ?? (url === undefined ? [] : [{ url, weight: 1 }])
}

function urlsOf(
  url: string | undefined,
  targets: readonly TargetConfig[] | undefined,
): readonly { readonly path: (string | number)[]; readonly text: string }[] {
  const single = url === undefined ? [] : [{ path: ['url'], text: url }]
  const several = (targets ?? []).map((each, at) => ({
    path: ['targets', at, 'url'],
    text: each.url,
  }))
  return [...single, ...several]
}
