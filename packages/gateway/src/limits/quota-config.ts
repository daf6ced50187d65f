import { z } from 'zod'

const SECOND_US = 1_000_000
const UNITS_US: Readonly<Record<string, number>> = {
  s: SECOND_US,
  m: 60 * SECOND_US,
  h: 3600 * SECOND_US,
  d: 86_400 * SECOND_US,
}
const WINDOW_US_MAX = 31 * 86_400 * SECOND_US
const LIMIT_MAX = 1_000_000_000
/** Until all of a burst is free again: a hundred years, and no time exceeds a double. */
const BURST_US_MAX = 36_525 * 86_400 * SECOND_US
const COST_MAX = 1000
const CONCURRENCY_MAX = 1_000_000
/** From this window on what is used survives a restart, unless the quota says otherwise. */
const DURABLE_FROM_US = 3600 * SECOND_US

const KEY_KINDS = ['principal', 'api-key', 'address', 'address-prefix', 'route'] as const

const name = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/

const key = z
  .union([z.enum(KEY_KINDS), z.templateLiteral(['claim:', z.string().regex(/^\S{1,100}$/)])])
  .describe('what is counted apart: principal, api-key, address, address-prefix, route, claim:NAME')

const window = z
  .string()
  .regex(/^[1-9]\d{0,6}[smhd]$/, 'is not a number of s, m, h or d')
  .refine((text) => windowUsOf(text) <= WINDOW_US_MAX, 'is longer than 31d')
  .describe('1s to 31d')

const cost = z
  .record(
    z.string().regex(/^[A-Za-z0-9._-]{1,100}( [A-Za-z0-9._-]{1,100})?$/),
    z.int().min(0).max(COST_MAX),
  )
  .default({})
  .describe('units of a request by method, route, or "METHOD route"; `default` for the rest, or 1')

const quotaSchema = z
  .strictObject({
    key,
    limit: z.int().min(1).max(LIMIT_MAX).optional().describe('units in each window'),
    window: window.optional(),
    burst: z.int().min(1).max(LIMIT_MAX).optional().describe('units at once; without it: limit'),
    concurrency: z.int().min(1).max(CONCURRENCY_MAX).optional().describe('exchanges at a time'),
    cost,
    ipv4Bits: z.int().min(8).max(32).default(24).describe('of an address-prefix'),
    ipv6Bits: z.int().min(16).max(128).default(48).describe('of an address-prefix'),
    durable: z
      .boolean()
      .optional()
      .describe('what is used survives a restart; without it: from a window of 1h on'),
  })
  .superRefine(({ limit, window: text, burst, concurrency, cost: costs }, context) => {
    const complain = (path: string, message: string): void => {
      context.addIssue({ code: 'custom', path: [path], message })
    }
    if ((limit === undefined) !== (text === undefined)) {
      complain(limit === undefined ? 'limit' : 'window', 'limit and window belong together')
    }
    if (limit === undefined && concurrency === undefined) {
      complain('limit', 'limits nothing: give limit and window, or concurrency')
    }
    if (limit === undefined && burst !== undefined) complain('burst', 'belongs to a limit')
    const most = burst ?? limit ?? COST_MAX
    if (limit !== undefined && text !== undefined) {
      const us = (most / limit) * windowUsOf(text)
      if (us > BURST_US_MAX) complain('burst', 'is not free again within a hundred years')
    }
    for (const [what, units] of Object.entries(costs)) {
      if (units > most) complain('cost', `${what} costs ${units}, more than ${most}: never served`)
    }
  })

/** The section `quotas` of the configuration: by name. */
export const quotasSchema = z
  .record(z.string().regex(name, 'is not a short plain name'), quotaSchema)
  .default({})
  .describe('limits that count, which routes name')

const password = z.union([
  z.strictObject({ file: z.string().min(1) }),
  z.strictObject({ env: z.string().min(1) }),
])

const onUnavailable = z
  .enum(['deny', 'allow'])
  .default('deny')
  .describe('what happens where nothing can be counted: 503, or requests pass uncounted')

/** The section `quotaStore` of the configuration. */
export const quotaStoreSchema = z
  .discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('memory'), onUnavailable }),
    z.strictObject({
      kind: z.literal('redis'),
      url: z
        .url({ protocol: /^rediss?$/ })
        .refine((url) => new URL(url).password === '', 'holds a password: use `password`')
        .describe('redis://host:port/database, rediss: with TLS; Redis 6 or Valkey'),
      username: z.string().min(1).optional(),
      password: password.optional(),
      authority: z.string().min(1).optional().describe('certificate authorities, PEM file'),
      prefix: z
        .string()
        .regex(/^[A-Za-z0-9._:-]{1,64}$/)
        .default('countersign')
        .describe('what keys begin with; gateways with the same one count together'),
      timeoutMs: z.int().min(5).max(10_000).default(250).describe('one round trip'),
      onUnavailable,
    }),
  ])
  .default({ kind: 'memory', onUnavailable: 'deny' })
  .describe('where quotas are counted')

export type QuotaConfig = z.infer<typeof quotaSchema>
export type QuotasConfig = Readonly<Record<string, QuotaConfig>>
export type QuotaStoreConfig = z.infer<typeof quotaStoreSchema>

export function windowUsOf(text: string): number {
  return Number(text.slice(0, -1)) * (UNITS_US[text.slice(-1)] ?? Number.NaN)
}

export function isDurable({ durable, window: text }: QuotaConfig): boolean {
  return text !== undefined && (durable ?? windowUsOf(text) >= DURABLE_FROM_US)
}
