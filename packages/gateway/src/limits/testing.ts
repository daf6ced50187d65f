import { Quota } from './quota.ts'
import { quotasSchema } from './quota-config.ts'
import { Quotas } from './quotas.ts'
import type { Ask, QuotaStore } from './store.ts'

export const CALLER = {
  principal: { id: 'ada', kind: 'user', issuer: 'keys', claims: {} },
  keyPrefix: 'key1',
  address: '192.0.2.7',
  route: 'orders',
  method: 'GET',
} as const

export function makeQuota(config: object, name = 'q'): Quota {
  const parsed = quotasSchema.parse({ [name]: { key: 'principal', ...config } })[name]
  if (parsed === undefined) throw new Error('no quota')
  return new Quota(name, parsed)
}

export function ask(quota: Quota, key = 'k', cost = 1): Ask {
  return { quota, key, cost }
}

export function makeQuotas(config: object, store: QuotaStore): Quotas {
  return new Quotas({
    config: quotasSchema.parse(config),
    store,
    onUnavailable: 'deny',
    exchangeMs: 1,
  })
}
