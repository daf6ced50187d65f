import {
  LimitsError,
  type QuotaStore,
  type Standing,
  type StoreAnswer,
} from '../../limits/index.ts'
import type { Asker } from './asker.ts'

const STANDING_NUMBERS = 5

/** The quotas as a worker takes them: the gateway counts for all workers together. */
export function workerQuotas(asker: Asker): QuotaStore {
  return {
    take: async (asks, leaseUs): Promise<StoreAnswer> => {
      const words = asks.flatMap(({ quota, key, cost }) => [quota.name, key, cost])
      const answer = await asker.ask((place) => ['take', place, words, leaseUs])
      if (answer[0] !== 'taken') {
        const why = answer[0] === 'refused' ? answer[3] : `quotas are answered with ${answer[0]}`
        throw new LimitsError('LIMITS_UNAVAILABLE', why)
      }
      const [, , held, isAdmitted, numbers] = answer
      return { isAdmitted, standings: standingsOf(numbers), ...holding(held, asker) }
    },
    close: async () => undefined,
  }
}

function holding(held: number | undefined, asker: Asker): Pick<StoreAnswer, 'release' | 'renew'> {
  if (held === undefined) return { release: () => undefined, renew: () => undefined }
  let isHeld = true
  return {
    release: () => {
      if (isHeld) asker.send(['release', held])
      isHeld = false
    },
    renew: () => {
      if (isHeld) asker.send(['renew', held])
    },
  }
}

function standingsOf(numbers: readonly number[]): readonly Standing[] {
  return Array.from({ length: numbers.length / STANDING_NUMBERS }, (_, at) => {
    const from = at * STANDING_NUMBERS
    const [used = 0, waitUs = 0, resetUs = 0, concurrent = 0, full = 0] = numbers.slice(
      from,
      from + STANDING_NUMBERS,
    )
    return { used, waitUs, resetUs, concurrent, isFull: full === 1 }
  })
}
