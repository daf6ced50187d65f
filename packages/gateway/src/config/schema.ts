import { z } from 'zod'
import { adminConfigSchema } from '../admin/index.ts'
import { approvalsConfigSchema, breakGlassConfigSchema } from '../approval/index.ts'
import { authenticatorNames, identityConfigSchema } from '../identity/index.ts'
import { diskConfigSchema, ledgerConfigSchema } from '../ledger/index.ts'
import { limitsConfigSchema, quotaStoreSchema, quotasSchema } from '../limits/index.ts'
import { policyConfigSchema } from '../policy/index.ts'
import { listenerSchema, routeSchema } from '../proxy/index.ts'
import { telemetryConfigSchema } from '../telemetry/index.ts'
import { upstreamSchema } from '../upstream/index.ts'
import { vaultConfigSchema } from '../vault/index.ts'
import { PROBLEMS_MAX } from './config-error.ts'
import { didYouMean } from './did-you-mean.ts'

/** Of what is known, where a name is not; the rest is counted. */
const NAMES_SHOWN_MAX = 20

/** The whole file. Each section is its room's own schema; only what spans sections is said here. */
export const configSchema = z
  .strictObject({
    version: z.literal(1).describe('version of this file format'),
    gateway: z.string().min(1).max(64).default('gateway').describe('name in every record'),
    origin: z
      .string()
      .regex(/^[a-z0-9][a-z0-9./-]{0,150}$/, 'is not lower-case letters, digits, dots, / and -')
      .default('countersign.local')
      .describe('what the name of a new log begins with; random characters follow'),
    data: z.string().min(1).default('./data').describe('directory of ledger, keys and state'),
    lock: z
      .string()
      .min(1)
      .optional()
      .describe('file that says what was published last; on another volume it tells of a rollback'),
    log: z
      .strictObject({ level: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info') })
      .prefault({})
      .describe('operational log on standard error; never holds a credential'),
    workers: z
      .int()
      .min(1)
      .max(64)
      .default(1)
      .describe(
        'processes that serve requests; with more than one, ledger, keys, quotas and control ' +
          'plane are in one of their own',
      ),
    telemetry: telemetryConfigSchema.prefault({}),
    ledger: ledgerConfigSchema.prefault({}),
    disk: diskConfigSchema.prefault({}),
    vault: vaultConfigSchema.prefault({}),
    identity: identityConfigSchema,
    policies: policyConfigSchema,
    limits: limitsConfigSchema.prefault({}),
    quotas: quotasSchema,
    quotaStore: quotaStoreSchema,
    approvals: approvalsConfigSchema.prefault({}),
    breakGlass: breakGlassConfigSchema.prefault({}),
    admin: adminConfigSchema.prefault({}),
    listeners: z.array(listenerSchema).min(1),
    upstreams: z.record(z.string().min(1), upstreamSchema),
    routes: z.array(routeSchema).min(1),
  })
  .superRefine((config, context) => {
    refuseTwice('listeners', config.listeners, context)
    refuseTwice('routes', config.routes, context)
    refuseSamePlace(config.routes, context)
    const upstreams = Object.keys(config.upstreams)
    const quotas = Object.keys(config.quotas)
    const authenticators = authenticatorNames(config.identity)
    const domains = config.identity.spiffe.map(({ name }) => name)
    for (const [index, { tls }] of config.listeners.entries()) {
      const domain = tls?.clientCertificates?.spiffe
      const path = ['listeners', index, 'tls', 'clientCertificates', 'spiffe']
      if (domain !== undefined) {
        refuseUnknown('item of identity.spiffe', domain, domains, path, context)
      }
      const asks = tls?.acme?.challenges.includes('http-01') ?? false
      if (asks && config.listeners.every((listener) => listener.tls !== undefined)) {
        const message = 'http-01 is answered on a listener without tls, and there is none'
        const challenges = ['listeners', index, 'tls', 'acme', 'challenges']
        context.addIssue({ code: 'custom', path: challenges, message })
      }
    }
    for (const [index, route] of config.routes.entries()) {
      refuseUnknown('upstream', route.upstream, upstreams, ['routes', index, 'upstream'], context)
      for (const [at, name] of (route.authenticators ?? []).entries()) {
        const path = ['routes', index, 'authenticators', at]
        refuseUnknown('authenticator', name, authenticators, path, context)
      }
      const counted = new Set<string>()
      for (const [at, quota] of route.quotas.entries()) {
        const path = ['routes', index, 'quotas', at]
        if (!counted.has(quota)) refuseUnknown('quota', quota, quotas, path, context)
        else context.addIssue({ code: 'custom', path, message: `${quota} counts once already` })
        counted.add(quota)
      }
    }
  })

export type Config = z.infer<typeof configSchema>

function refuseUnknown(
  what: string,
  name: string,
  known: readonly string[],
  path: (string | number)[],
  context: z.RefinementCtx,
): void {
  if (known.includes(name)) return
  // A guess looks at each name, and is for what is shown.
  const guess = context.issues.length < PROBLEMS_MAX ? didYouMean(name, known) : undefined
  const hint = guess === undefined ? knownNames(known) : `did you mean ${guess}?`
  context.addIssue({ code: 'custom', path, message: `no ${what} is called ${name} (${hint})` })
}

function knownNames(known: readonly string[]): string {
  if (known.length === 0) return 'there is none'
  const more = known.length - NAMES_SHOWN_MAX
  const shown = known.slice(0, NAMES_SHOWN_MAX).join(', ')
  return more > 0 ? `known: ${shown} and ${more} more` : `known: ${shown}`
}

function refuseTwice(
  section: string,
  items: readonly { readonly name: string }[],
  context: z.RefinementCtx,
): void {
  const seen = new Set<string>()
  for (const [index, { name }] of items.entries()) {
    const message = `a second ${JSON.stringify(name)} in ${section}`
    if (seen.has(name))
      context.addIssue({ code: 'custom', path: [section, index, 'name'], message })
    seen.add(name)
  }
}

/** Of two routes of one place the second would never be asked, however strict it is. */
function refuseSamePlace(
  routes: readonly {
    readonly name: string
    readonly path: string
    hosts?: readonly string[] | undefined
  }[],
  context: z.RefinementCtx,
): void {
  const places = new Map<string, string>()
  for (const [index, { name, path, hosts = ['*'] }] of routes.entries()) {
    const place = path.replace(/\/$/, '').replace(/\{[^/]*\}/g, '{}')
    for (const host of hosts) {
      const key = `${host.toLowerCase()} ${place}`
      const first = places.get(key)
      places.set(key, first ?? name)
      if (first === undefined || first === name) continue
      const message = `is where ${first} is, which would get every request: one route, or two paths`
      context.addIssue({ code: 'custom', path: ['routes', index, 'path'], message })
    }
  }
}
