export { networkOf } from './address-prefix.ts'
export { Meter, Rate } from './gcra.ts'
export { DEFAULT_LIMITS, LIMITS, type Limits, limitsConfigSchema } from './limits-config.ts'
export { LimitsError, type LimitsErrorCode } from './limits-error.ts'
export { MemoryStore } from './memory-store.ts'
export { type Caller, Quota } from './quota.ts'
export {
  type QuotaStoreConfig,
  type QuotasConfig,
  quotaStoreSchema,
  quotasSchema,
} from './quota-config.ts'
export { QuotaFile } from './quota-file.ts'
export { quotaTime } from './quota-time.ts'
export { limitFacts, limitText, Quotas, type QuotaVerdict } from './quotas.ts'
export { rateLimitLines } from './rate-limit-lines.ts'
export { RedisStore, type ScriptRunner } from './redis-store.ts'
export type { Ask, QuotaStore, Standing, StoreAnswer } from './store.ts'
